//! What the network must guess of the patches it does not see, and the loss of its guesses.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::batch::HostBatch;
use crate::config::ModelConfig;
use crate::error::TrainError;
use crate::nn::mae::cross_entropy;
use crate::tokenizer::Tokenizer;

/// Added to a patch's variance, as in MAE's `norm_pix_loss`.
const EPSILON: f32 = 1e-6;

/// What is guessed.
#[derive(Debug)]
pub enum Targets {
    /// The token of each hidden patch, by cross-entropy (ClusterMIM).
    Tokens(Box<dyn Tokenizer>),
    /// The pixels of each hidden patch, less their mean and over their deviation, by squared error
    /// (He et al. 2021, arXiv 2111.06377, section 3).
    Pixels,
}

/// The targets of a batch's hidden patches, on the host.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum HostTargets {
    /// `[images * masked]`.
    Tokens(Vec<u32>),
    /// `[images * masked, 3 p p]`.
    Pixels(Vec<f32>),
}

impl Targets {
    /// Width of the decoder's output: K, or the values of a patch.
    pub fn outputs(&self, model: &ModelConfig) -> usize {
        match self {
            Self::Tokens(tokenizer) => tokenizer.tokens(),
            Self::Pixels => model.patch_dim(),
        }
    }

    /// The targets of the hidden patches of `batch`.
    pub(crate) fn of(
        &self,
        model: &ModelConfig,
        batch: &HostBatch,
    ) -> Result<HostTargets, TrainError> {
        let patches = model.patches();
        let per_image = batch.masked.len() / batch.len();
        let hidden = batch.masked.chunks_exact(per_image).enumerate();
        let rows: Vec<usize> = hidden
            .flat_map(|(image, masked)| masked.iter().map(move |&at| image * patches + at as usize))
            .collect();
        self.of_rows(model, batch, &rows)
    }

    /// The targets of some rows of `batch.patches`.
    pub(crate) fn of_rows(
        &self,
        model: &ModelConfig,
        batch: &HostBatch,
        rows: &[usize],
    ) -> Result<HostTargets, TrainError> {
        let width = model.patch_dim();
        Ok(match self {
            Self::Tokens(tokenizer) => {
                let tokens = tokenizer.tokenize(&batch.patches, &batch.labels)?;
                HostTargets::Tokens(rows.iter().map(|&row| tokens[row]).collect())
            }
            Self::Pixels => {
                let patch = |&row: &usize| &batch.patches[row * width..(row + 1) * width];
                HostTargets::Pixels(rows.iter().map(patch).flat_map(standardised).collect())
            }
        })
    }
}

impl HostTargets {
    /// The mean loss of `outputs`, `[images * masked, K or 3 p p]`.
    pub(crate) fn loss(&self, outputs: Tensor<2>, device: &Device) -> Tensor<1> {
        match self {
            Self::Tokens(tokens) => {
                let tokens: Vec<i32> = tokens.iter().map(|&token| token as i32).collect();
                let data = TensorData::new(tokens, [outputs.dims()[0]]);
                cross_entropy(outputs, Tensor::<1, Int>::from_data(data, device))
            }
            Self::Pixels(pixels) => {
                let data = TensorData::new(pixels.clone(), outputs.dims());
                let error = outputs - Tensor::from_data(data, device);
                (error.clone() * error).mean()
            }
        }
    }
}

/// `(x - mean) / sqrt(variance + eps)` of one patch.
fn standardised(patch: &[f32]) -> impl Iterator<Item = f32> {
    let (mean, scale) = moments(patch);
    patch.iter().map(move |v| (v - mean) * scale)
}

/// The mean of a patch's values and `1 / sqrt(variance + eps)`, with the unbiased variance that
/// `torch.var` gives MAE.
pub(crate) fn moments(patch: &[f32]) -> (f32, f32) {
    let count = patch.len() as f32;
    let mean = patch.iter().sum::<f32>() / count;
    let squares: f32 = patch.iter().map(|v| (v - mean) * (v - mean)).sum();
    let variance = squares / (count - 1.0).max(1.0);
    (mean, (variance + EPSILON).sqrt().recip())
}
