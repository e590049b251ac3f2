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
    centers: Vec<f32>,
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
        if self.normalise == Normalise::None {
            return Ok(self.nearest.assign(patches));
        }
        let mut patches = patches.to_vec();
        self.normalise.apply(&mut patches, self.dim);
        Ok(self.nearest.assign(&patches))
    }

    fn look(&self, token: u32) -> Option<&[f32]> {
        let plain = self.normalise == Normalise::None;
        let center = self.centers.chunks_exact(self.dim).nth(token as usize);
        center.filter(|_| plain)
    }
}
