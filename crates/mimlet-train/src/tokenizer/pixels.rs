//! Nearest centroid of a patch's normalised pixels.

use super::Tokenizer;
use crate::codebook::{Assigner, Codebook};
use crate::config::ModelConfig;
use crate::error::TrainError;

/// Tokens of a pixel codebook.
#[derive(Debug, Clone)]
pub struct PixelTokenizer {
    assigner: Assigner,
    centers: Vec<f32>,
    dim: usize,
}

impl PixelTokenizer {
    /// # Errors
    /// [`TrainError::Config`] when the codebook is not over `model`'s patches.
    pub fn new(codebook: &Codebook, model: &ModelConfig) -> Result<Self, TrainError> {
        codebook.check_pixels(model)?;
        Ok(Self {
            assigner: Assigner::new(&codebook.centers, codebook.dim),
            centers: codebook.centers.clone(),
            dim: codebook.dim,
        })
    }
}

impl Tokenizer for PixelTokenizer {
    fn tokens(&self) -> usize {
        self.centers.len() / self.dim
    }

    fn tokenize(&self, patches: &[f32], _labels: &[u32]) -> Result<Vec<u32>, TrainError> {
        Ok(self.assigner.assign(patches))
    }

    fn look(&self, token: u32) -> Option<&[f32]> {
        self.centers.chunks_exact(self.dim).nth(token as usize)
    }
}
