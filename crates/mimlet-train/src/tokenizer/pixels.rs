//! Nearest centroid of a patch's normalised pixels.

use burn::tensor::Device;

use super::Tokenizer;
use crate::codebook::{Codebook, Normalise};
use crate::config::ModelConfig;
use crate::error::TrainError;
use crate::kmeans::Nearest;

/// Tokens of a pixel codebook.
#[derive(Debug)]
pub struct PixelTokenizer {
    nearest: Nearest,
    normalise: Normalise,
    tokens: usize,
    dim: usize,
}

impl PixelTokenizer {
    /// # Errors
    /// [`TrainError::Config`] when the codebook is not over `model`'s patches.
    pub fn new(
        codebook: &Codebook,
        model: &ModelConfig,
        device: &Device,
    ) -> Result<Self, TrainError> {
        codebook.check_pixels(model)?;
        Ok(Self {
            nearest: Nearest::new(&codebook.centers, codebook.dim, device),
            normalise: codebook.normalise,
            tokens: codebook.tokens(),
            dim: codebook.dim,
        })
    }
}

impl Tokenizer for PixelTokenizer {
    fn tokens(&self) -> usize {
        self.tokens
    }

    fn tokenize(&self, patches: &[f32], _labels: &[u32]) -> Result<Vec<u32>, TrainError> {
        if self.normalise == Normalise::None {
            return Ok(self.nearest.assign(patches));
        }
        let mut patches = patches.to_vec();
        self.normalise.apply(&mut patches, self.dim);
        Ok(self.nearest.assign(&patches))
    }
}
