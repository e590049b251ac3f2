//! Fine-tuning as a whole, on a tiny model.

use std::path::Path;

use burn::tensor::{Device, Tensor};
use indicatif::ProgressBar;

use super::depth::Scales;
use super::network::{Classifier, soft_cross_entropy};
use super::{FinetuneReport, Finetuning, finetune};
use crate::config::Config;
use crate::encoder::{EncoderFile, write_encoder};
use crate::evaluate::config::Pooling;
use crate::nn::init::Init;
use crate::nn::state::{host_values, read_state};
use crate::nn::vit::Vit;
use crate::pretrain::tiny;
use crate::synth::{self, SynthConfig};
use crate::tensors::{self, Precision};

fn config() -> Config {
    let mut config = tiny::config();
    config.finetune.steps = 60;
    config.finetune.batch = 20;
    config.finetune.blr = 0.02;
    config.finetune.warmup = 5;
    config.finetune.drop_path = 0.2;
    config
}

fn run(config: &Config, encoder: Option<&Path>, out: &Path) -> FinetuneReport {
    let set = |images, seed| synth::generate(SynthConfig { images, seed }).unwrap();
    let (train, test) = (set(40, 5), set(20, 6));
    let run = Finetuning {
        config,
        train: &train,
        test: &test,
        encoder,
        out,
        device: &Device::flex(),
    };
    finetune(run, &ProgressBar::hidden()).unwrap()
}

fn write_fresh_encoder(config: &Config, path: &Path) {
    let vit = Vit::new(&config.model, &mut Init::new(9, &Device::flex()));
    write_encoder(path, &config.model, &read_state(&vit), Precision::F32).unwrap();
}

#[test]
fn loss_falls_and_the_classifier_bears_timms_names() {
    let folder = tempfile::tempdir().unwrap();
    let encoder = folder.path().join("encoder.safetensors");
    let config = config();
    write_fresh_encoder(&config, &encoder);
    let out = folder.path().join("run");
    let report = run(&config, Some(&encoder), &out);
    assert!(!report.from_scratch && report.score.images == 20);
    let log = std::fs::read_to_string(out.join("log.jsonl")).unwrap();
    let loss =
        |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["loss"].clone();
    let losses: Vec<f64> = log.lines().filter_map(|line| loss(line).as_f64()).collect();
    assert!(losses[losses.len() - 1] < losses[0] - 0.05, "{losses:?}");
    let path = out.join("finetuned.safetensors");
    let (state, metadata) = tensors::read(&path).unwrap();
    assert_eq!(state["head.weight"].shape, [10, 32]);
    assert_eq!(state["head.bias"].shape, [10]);
    assert!(state.contains_key("blocks.1.mlp.fc2.bias") && state.contains_key("norm.weight"));
    assert_eq!(metadata["global_pool"], "avg");
    assert!(metadata["classes"].contains("\"star\""));
    // It is an encoder's file like any other.
    assert_eq!(
        EncoderFile::read(&path, &Device::flex()).unwrap().model,
        config.model
    );
}

#[test]
fn seeds_and_nothing_else_decide() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config();
    config.finetune.steps = 6;
    (config.finetune.mixup, config.finetune.cutmix) = (0.8, 1.0);
    let state = |config: &Config, name: &str| {
        let out = folder.path().join(name);
        assert!(run(config, None, &out).from_scratch);
        tensors::read(&out.join("finetuned.safetensors")).unwrap().0
    };
    let first = state(&config, "first");
    assert_eq!(state(&config, "second"), first);
    config.finetune.seed = 2;
    assert_ne!(state(&config, "third"), first);
}

#[test]
fn lower_layers_move_less() {
    let folder = tempfile::tempdir().unwrap();
    let encoder = folder.path().join("encoder.safetensors");
    let mut config = config();
    config.finetune.steps = 1;
    config.finetune.warmup = 0;
    config.finetune.layer_decay = 0.1;
    write_fresh_encoder(&config, &encoder);
    let out = folder.path().join("run");
    run(&config, Some(&encoder), &out);
    let (before, _) = tensors::read(&encoder).unwrap();
    let vit = read_state(&Vit::new(&config.model, &mut Init::new(9, &Device::flex())));
    let (after, _) = tensors::read(&out.join("finetuned.safetensors")).unwrap();
    assert_eq!(before, vit);
    let moved = |name: &str| {
        let pairs = before[name].values.iter().zip(&after[name].values);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    // The first step of AdamW is the rate in every element that has a gradient, whatever its size;
    // biases start at zero, so f16 holds their change exactly enough.
    let [low, high] = [
        moved("blocks.0.mlp.fc1.bias"),
        moved("blocks.1.mlp.fc1.bias"),
    ];
    assert!(low > 0.0 && (high / low - 10.0).abs() < 0.5, "{low} {high}");
}

#[test]
fn branches_that_are_left_out_do_not_count() {
    let device = Device::flex();
    let config = tiny::config();
    let vit = Vit::new(&config.model, &mut Init::new(3, &device));
    let network = Classifier::new(vit, &config.model, 10, 1, &device);
    let patches: Vec<f32> = (0..2 * 64 * 64 * 3)
        .map(|i| (i % 17) as f32 * 0.1)
        .collect();
    let logits = |scales: &Scales, pooling| {
        let model = &config.model;
        host_values(network.forward(model, pooling, patches.clone(), scales, &device))
    };
    for pooling in [Pooling::ClassToken, Pooling::MeanPatch] {
        let whole = logits(&Scales::default(), pooling);
        // So rarely that no branch of four goes, and kept ones grow by a millionth.
        let kept = logits(&Scales::new(1e-6, 2, 2, 1, 1), pooling);
        assert!(whole.iter().zip(&kept).all(|(a, b)| (a - b).abs() < 1e-9));
        let dropped = logits(&Scales::new(0.99, 2, 2, 1, 1), pooling);
        assert!(
            whole
                .iter()
                .zip(&dropped)
                .any(|(a, b)| (a - b).abs() > 1e-7)
        );
    }
}

#[test]
fn soft_targets_weigh_the_logarithms() {
    let device = Device::flex();
    let logits = Tensor::<2>::from_data([[1.0f32, 2.0], [0.0, 0.0]], &device);
    let loss = host_values(soft_cross_entropy(logits, vec![0.25, 0.75, 1.0, 0.0]))[0];
    let log_total = (1f64.exp() + 2f64.exp()).ln();
    let first = -(0.25 * (1.0 - log_total) + 0.75 * (2.0 - log_total));
    let expected = 0.5 * (first + 2f64.ln());
    assert!(
        (f64::from(loss) - expected).abs() < 1e-6,
        "{loss} {expected}"
    );
}
