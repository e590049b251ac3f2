//! A run small enough for tests and for the self-test of a device.

use crate::config::{
    CodebookConfig, Config, DataConfig, DecoderConfig, ModelConfig, OptimConfig, Precision,
    TargetKind,
};
use crate::synth::SynthConfig;

/// 64 px images in 16 px patches, two blocks of width 32.
pub(crate) fn config() -> Config {
    Config {
        model: ModelConfig {
            image_size: 64,
            resize: 64,
            patch_size: 16,
            dim: 32,
            depth: 2,
            heads: 2,
            mlp: 64,
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
            licence: "MIT OR Apache-2.0".into(),
        },
        decoder: DecoderConfig {
            dim: 16,
            depth: 1,
            heads: 2,
            mlp: 32,
        },
        data: DataConfig {
            synth: Some(SynthConfig {
                images: 40,
                seed: 5,
            }),
            flip: true,
            shift: 3,
            ..DataConfig::default()
        },
        codebook: CodebookConfig {
            tokens: 8,
            images: 40,
            batch: 64,
            passes: 2,
            seed: 1,
            ..CodebookConfig::default()
        },
        train: OptimConfig {
            seed: 2,
            steps: 40,
            batch: 8,
            micro_batch: None,
            target: TargetKind::Tokens,
            precision: Precision::F32,
            blr: 0.1,
            warmup: 4,
            weight_decay: 0.05,
            clip: 1.0,
            mask_ratio: 0.75,
            checkpoint_every: 100,
            log_every: 5,
        },
    }
}
