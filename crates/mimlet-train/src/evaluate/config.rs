//! The `[evaluate]` section: how frozen features are judged.

use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// What of an image's features stands for the image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The class token after the final norm.
    ClassToken,
    /// The mean over the patches after the final norm.
    #[default]
    MeanPatch,
}

/// Linear probe and nearest neighbours. Every field has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluateConfig {
    /// Which features an experiment's figures are of; `probe` and `knn` report both.
    pub pooling: Pooling,
    /// Passes of the probe over the training features.
    pub epochs: usize,
    /// Features a step of the probe.
    pub batch: usize,
    /// Learning rates that the probe tries.
    pub rates: Vec<f32>,
    /// Weight decays that the probe tries with each rate.
    pub decays: Vec<f32>,
    /// Share of the training features of each class on which rate and decay are chosen.
    pub held_out: f64,
    /// Numbers of neighbours, each with a score of its own.
    pub neighbours: Vec<usize>,
    /// Temperature of the neighbours' votes.
    pub temperature: f64,
}

impl Default for EvaluateConfig {
    fn default() -> Self {
        Self {
            pooling: Pooling::default(),
            epochs: 60,
            batch: 256,
            rates: vec![0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0],
            decays: vec![0.0, 1e-4],
            held_out: 0.2,
            // The numbers and the temperature of DINO's evaluation (Caron et al. 2021,
            // arXiv 2104.14294), with the single neighbour besides.
            neighbours: vec![1, 5, 10, 20],
            temperature: 0.07,
        }
    }
}

impl EvaluateConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the field and the mend.
    pub fn check(&self) -> Result<(), TrainError> {
        let wrong = |reason: &str| Err(TrainError::Config(reason.into()));
        if self.epochs == 0 || self.batch == 0 {
            return wrong("evaluate.epochs and evaluate.batch must be at least 1");
        }
        let finite = |values: &[f32]| values.iter().all(|v| v.is_finite() && *v >= 0.0);
        if self.rates.is_empty() || !finite(&self.rates) || self.rates.contains(&0.0) {
            return wrong("evaluate.rates must hold one learning rate above 0, or several");
        }
        if self.decays.is_empty() || !finite(&self.decays) {
            return wrong("evaluate.decays must hold one weight decay from 0 up, or several");
        }
        if !(self.held_out > 0.0 && self.held_out < 1.0) {
            return wrong("evaluate.held_out must lie between 0 and 1, as 0.2 does");
        }
        if self.neighbours.is_empty() || self.neighbours.contains(&0) {
            return wrong("evaluate.neighbours must hold a number from 1 up, or several");
        }
        if !(self.temperature > 0.0 && self.temperature.is_finite()) {
            return wrong("evaluate.temperature must be above 0");
        }
        Ok(())
    }
}
