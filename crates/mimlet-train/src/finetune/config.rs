//! The `[finetune]` section.

use serde::{Deserialize, Serialize};

use crate::config::OptimConfig;
use crate::error::TrainError;
use crate::evaluate::config::Pooling;

/// Fine-tuning. Every field has a default; those are MAE's for ViT-B but for `steps`, `batch` and
/// `warmup`, which suit small sets, and for mixing, which is off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FinetuneConfig {
    /// Seed of the classifier, order, augmentation and stochastic depth.
    pub seed: u64,
    /// Optimiser steps.
    pub steps: usize,
    /// Images a step.
    pub batch: usize,
    /// Learning rate of the classifier for 256 images a step; scaled linearly with `batch`.
    pub blr: f64,
    /// Steps of linear warm-up.
    pub warmup: usize,
    /// Decoupled weight decay, not on vectors.
    pub weight_decay: f64,
    /// Largest global gradient norm.
    pub clip: f64,
    /// The rate of each layer over that of the layer above it.
    pub layer_decay: f64,
    /// How often the last block's branches are left out; earlier blocks' in proportion.
    pub drop_path: f64,
    /// Share of the target that is spread over all classes.
    pub smoothing: f64,
    /// How often a rectangle of an image is replaced by noise.
    pub erase: f64,
    /// Parameter of mixup's Beta distribution; 0 for none.
    pub mixup: f64,
    /// Parameter of cutmix's Beta distribution; 0 for none. With both, each batch takes one.
    pub cutmix: f64,
    /// What the classifier sees.
    pub pooling: Pooling,
    /// Steps between lines of the log.
    pub log_every: usize,
}

impl Default for FinetuneConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            steps: 1000,
            batch: 64,
            blr: 5e-4,
            warmup: 50,
            weight_decay: 0.05,
            clip: 1.0,
            layer_decay: 0.75,
            drop_path: 0.1,
            smoothing: 0.1,
            erase: 0.25,
            mixup: 0.0,
            cutmix: 0.0,
            pooling: Pooling::MeanPatch,
            log_every: 25,
        }
    }
}

impl FinetuneConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the field and the mend.
    pub fn check(&self) -> Result<(), TrainError> {
        let wrong = |reason: String| Err(TrainError::Config(reason));
        if self.steps == 0 || self.batch == 0 || self.log_every == 0 {
            return wrong(
                "finetune.steps, finetune.batch and finetune.log_every must be at least 1".into(),
            );
        }
        let positive = self.blr > 0.0 && self.clip > 0.0 && self.weight_decay >= 0.0;
        if !positive {
            return wrong(
                "finetune.blr and finetune.clip must be above 0, finetune.weight_decay not below"
                    .into(),
            );
        }
        if !(self.layer_decay > 0.0 && self.layer_decay <= 1.0) {
            return wrong("finetune.layer_decay must be above 0 and at most 1".into());
        }
        for (field, value) in [("drop_path", self.drop_path), ("smoothing", self.smoothing)] {
            if !(0.0..1.0).contains(&value) {
                return wrong(format!("finetune.{field} must be at least 0 and below 1"));
            }
        }
        if !(0.0..=1.0).contains(&self.erase) {
            return wrong("finetune.erase must be from 0 to 1".into());
        }
        let sane = |value: f64| (0.0..=100.0).contains(&value);
        if !(sane(self.mixup) && sane(self.cutmix)) {
            return wrong("finetune.mixup and finetune.cutmix must be from 0 to 100".into());
        }
        if self.mixup + self.cutmix > 0.0 && self.batch < 2 {
            return wrong("finetune.batch must be at least 2 for images to be mixed".into());
        }
        Ok(())
    }

    /// The optimisation in pre-training's terms: what it does not have is `train`'s.
    pub(crate) fn optimisation(&self, train: &OptimConfig) -> OptimConfig {
        OptimConfig {
            seed: self.seed,
            steps: self.steps,
            batch: self.batch,
            micro_batch: None,
            blr: self.blr,
            warmup: self.warmup,
            weight_decay: self.weight_decay,
            clip: self.clip,
            log_every: self.log_every,
            ..train.clone()
        }
    }
}
