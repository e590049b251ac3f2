//! The TOML file that fixes a training run.

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use crate::codebook::{CodebookConfig, SpaceKind};
use crate::error::TrainError;
use crate::evaluate::config::EvaluateConfig;
use crate::finetune::config::FinetuneConfig;
use crate::synth::SynthConfig;

/// A whole run. Two runs of the same file, data and device give the same numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Shape of the encoder.
    pub model: ModelConfig,
    /// Shape of the decoder, which pre-training alone uses.
    #[serde(default)]
    pub decoder: DecoderConfig,
    /// Images and their augmentation.
    pub data: DataConfig,
    /// K-means over patches or features.
    #[serde(default)]
    pub codebook: CodebookConfig,
    /// Pre-training's optimisation.
    #[serde(default)]
    pub train: OptimConfig,
    /// How frozen features are judged. Not written out: a run's checkpoint does not depend on it.
    #[serde(default, skip_serializing)]
    pub evaluate: EvaluateConfig,
    /// Fine-tuning. Not written out, either.
    #[serde(default, skip_serializing)]
    pub finetune: FinetuneConfig,
}

/// Shape of a pre-norm ViT encoder and its input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Input height and width, pixels.
    pub image_size: usize,
    /// Short side after the resize, before the centre crop, pixels.
    pub resize: usize,
    /// Side of a square patch, pixels.
    pub patch_size: usize,
    /// Width of the residual stream.
    pub dim: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Attention heads per block.
    pub heads: usize,
    /// Width of the MLP's hidden layer.
    pub mlp: usize,
    /// Per-channel mean, 0..1 units.
    #[serde(default = "imagenet_mean")]
    pub mean: [f32; 3],
    /// Per-channel standard deviation, 0..1 units.
    #[serde(default = "imagenet_std")]
    pub std: [f32; 3],
    /// Licence of the weights.
    #[serde(default = "licence")]
    pub licence: String,
}

/// Shape of the MAE decoder (He et al. 2021, arXiv 2111.06377, section 3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecoderConfig {
    /// Width.
    pub dim: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Attention heads per block.
    pub heads: usize,
    /// Width of the MLP's hidden layer.
    pub mlp: usize,
}

impl Default for DecoderConfig {
    /// MAE's.
    fn default() -> Self {
        Self {
            dim: 512,
            depth: 8,
            heads: 16,
            mlp: 2048,
        }
    }
}

/// Images and their augmentation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Make the images in memory when no `--data` is given.
    pub synth: Option<SynthConfig>,
    /// Mirror half of the samples.
    pub flip: bool,
    /// Shift by up to this many pixels, mirroring at the border.
    pub shift: usize,
    /// Share of the image's area that a random crop takes, lowest and highest, as in torchvision's
    /// `RandomResizedCrop`; without it images are resized and cropped as on a device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop_scale: Option<[f64; 2]>,
    /// Width over height of a random crop, lowest and highest; 3/4 and 4/3 when not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop_ratio: Option<[f64; 2]>,
    /// Share of each class held out as the test part, when the data set has none of its own.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub test_fraction: f64,
    /// Seed of which images are held out.
    #[serde(default, skip_serializing_if = "is_default")]
    pub split_seed: u64,
    /// The number that stands for full brightness in an `.npz` array; found from the largest
    /// number when not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<u32>,
    /// Threads that read and augment images; one for every two cores when not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<usize>,
    /// Unreadable images to leave out before a run is given up; 1 % of the set, at least 10 and at
    /// most half of it, when not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bad: Option<usize>,
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

fn is_default(value: &u64) -> bool {
    *value == 0
}

impl DataConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the field and the mend.
    pub fn check(&self) -> Result<(), TrainError> {
        let wrong = |reason: &str| Err(TrainError::Config(reason.into()));
        // Written so that NaN is refused, too.
        if let Some([low, high]) = self.crop_scale
            && !(low > 0.0 && low <= high && high <= 1.0)
        {
            return wrong("data.crop_scale must be two shares above 0, up to 1, lowest first");
        }
        if let Some([low, high]) = self.crop_ratio
            && !(low > 0.0 && low <= high && high.is_finite())
        {
            return wrong("data.crop_ratio must be two positive numbers, lowest first");
        }
        if self.crop_ratio.is_some() && self.crop_scale.is_none() {
            return wrong("data.crop_ratio does nothing without data.crop_scale");
        }
        if !(0.0..1.0).contains(&self.test_fraction) {
            return wrong("data.test_fraction must be at least 0 and below 1");
        }
        if self
            .levels
            .is_some_and(|levels| !(1..=255).contains(&levels))
        {
            return wrong("data.levels must be 1 to 255");
        }
        if self.workers == Some(0) {
            return wrong("data.workers must be at least 1");
        }
        Ok(())
    }

    /// Threads that read and augment images.
    pub fn worker_count(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.workers.unwrap_or_else(|| cores.div_ceil(2))
    }
}

/// The optimisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimConfig {
    /// Seed of weights, order, augmentation and masks.
    pub seed: u64,
    /// Optimiser steps.
    pub steps: usize,
    /// Images a step, over all processes.
    pub batch: usize,
    /// Images on the device at once; a step adds up the gradients of as many as it needs. All of
    /// the process's share when not given.
    #[serde(default)]
    pub micro_batch: Option<usize>,
    /// What is guessed of hidden patches.
    #[serde(default)]
    pub target: TargetKind,
    /// In what matrix products are computed; weights, sums and the optimiser are f32.
    #[serde(default)]
    pub precision: Precision,
    /// Learning rate for 256 images a step; scaled linearly with `batch`.
    pub blr: f64,
    /// Steps of linear warm-up.
    pub warmup: usize,
    /// Decoupled weight decay, not on vectors.
    pub weight_decay: f64,
    /// Largest global gradient norm.
    pub clip: f64,
    /// Share of patches hidden.
    pub mask_ratio: f64,
    /// Steps between checkpoints.
    pub checkpoint_every: usize,
    /// Steps between lines of the log.
    pub log_every: usize,
}

impl Default for OptimConfig {
    /// MAE's recipe (He et al. 2021, arXiv 2111.06377, table 8), for a batch of 256.
    fn default() -> Self {
        Self {
            seed: 1,
            steps: 100_000,
            batch: 256,
            micro_batch: None,
            target: TargetKind::default(),
            precision: Precision::default(),
            blr: 1.5e-4,
            warmup: 5_000,
            weight_decay: 0.05,
            clip: 1.0,
            mask_ratio: 0.75,
            checkpoint_every: 1_000,
            log_every: 50,
        }
    }
}

/// What is guessed of hidden patches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// Their tokens (ClusterMIM).
    #[default]
    Tokens,
    /// Their standardised pixels (MAE), without any codebook.
    Pixels,
}

/// In what matrix products are computed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// bfloat16, where the device has it.
    Bf16,
}

fn imagenet_mean() -> [f32; 3] {
    [0.485, 0.456, 0.406]
}

fn imagenet_std() -> [f32; 3] {
    [0.229, 0.224, 0.225]
}

fn licence() -> String {
    "MIT OR Apache-2.0".into()
}

impl Config {
    /// Reads and checks a TOML file. Without a section of these it is refused; of the others all but
    /// `model` and `data` have defaults.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::Content`] for what is no such TOML, or
    /// [`TrainError::Config`].
    pub fn read(path: &Path, needed: &[&str]) -> Result<Self, TrainError> {
        let text = std::fs::read_to_string(path).map_err(TrainError::io(path, "read"))?;
        let wrong = || TrainError::toml(path, &text, "not a run's TOML");
        let sections: toml::Table = toml::from_str(&text).map_err(wrong())?;
        if let Some(missing) = needed.iter().find(|name| !sections.contains_key(**name)) {
            return Err(TrainError::Content {
                path: path.to_owned(),
                reason: format!("no [{missing}] section, which this command needs"),
            });
        }
        let config: Self = toml::from_str(&text).map_err(wrong())?;
        config.check()?;
        Ok(config)
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the field and the mend.
    pub fn check(&self) -> Result<(), TrainError> {
        self.model.check()?;
        let wrong = |reason: &str| Err(TrainError::Config(reason.into()));
        let (decoder, train) = (&self.decoder, &self.train);
        if decoder.heads == 0
            || !decoder.dim.is_multiple_of(decoder.heads)
            || !decoder.dim.is_multiple_of(4)
        {
            return wrong("decoder.dim must be a multiple of decoder.heads and of 4");
        }
        self.codebook.check()?;
        if train.batch == 0 || train.steps == 0 || train.log_every == 0 {
            return wrong("train.batch, train.steps and train.log_every must be at least 1");
        }
        if train.micro_batch == Some(0) {
            return wrong("train.micro_batch must be at least 1; leave it out for the whole batch");
        }
        let positive = train.blr > 0.0 && train.clip > 0.0 && train.weight_decay >= 0.0;
        if !positive {
            return wrong("train.blr and train.clip must be above 0, train.weight_decay not below");
        }
        let (visible, masked) = self.visible_and_masked();
        if !(train.mask_ratio > 0.0 && train.mask_ratio < 1.0) || visible == 0 || masked == 0 {
            return wrong("train.mask_ratio must leave a patch visible and a patch masked");
        }
        self.data.check()?;
        if self.data.shift >= self.model.image_size {
            return wrong("data.shift must be smaller than model.image_size");
        }
        self.evaluate.check()?;
        self.finetune.check()
    }

    /// How many patches the encoder sees, and how many it must guess.
    pub fn visible_and_masked(&self) -> (usize, usize) {
        let patches = self.model.patches();
        let visible = (patches as f64 * (1.0 - self.train.mask_ratio)) as usize;
        (visible, patches - visible)
    }
}

impl ModelConfig {
    /// Patches per image.
    pub fn patches(&self) -> usize {
        (self.image_size / self.patch_size).pow(2)
    }

    /// Values in one patch.
    pub fn patch_dim(&self) -> usize {
        3 * self.patch_size * self.patch_size
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the field and the mend.
    pub fn check(&self) -> Result<(), TrainError> {
        let wrong = |reason: &str| Err(TrainError::Config(reason.into()));
        if self.patch_size == 0
            || self.image_size == 0
            || !self.image_size.is_multiple_of(self.patch_size)
        {
            return wrong("model.image_size must be a multiple of model.patch_size");
        }
        if self.heads == 0
            || self.dim == 0
            || !self.dim.is_multiple_of(self.heads)
            || !self.dim.is_multiple_of(4)
        {
            return wrong("model.dim must be a multiple of model.heads and of 4");
        }
        if self.mlp == 0 || self.depth == 0 {
            return wrong("model.mlp and model.depth must be at least 1");
        }
        if self.resize < self.image_size {
            return wrong("model.resize must not be below model.image_size");
        }
        if !self.std.iter().all(|&s| s > 0.0) {
            return wrong("model.std must be above 0");
        }
        Ok(())
    }
}
