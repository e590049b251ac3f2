//! Nearest random codeword of a patch's random projection, as BEST-RQ (Chiu et al. 2022, arXiv
//! 2202.01855, equation 1).

use burn::tensor::{Device, Tensor, TensorData};

use super::Tokenizer;
use crate::codebook::{Codebook, Normalise};
use crate::config::ModelConfig;
use crate::error::TrainError;
use crate::kmeans::Nearest;
use crate::nn::state::host_values;

/// Patches projected together.
const BLOCK: usize = 4096;

/// Tokens of a random-projection codebook.
#[derive(Debug)]
pub struct ProjectionTokenizer {
    /// `[3 p p, dim]`.
    projection: Tensor<2>,
    nearest: Nearest,
    normalise: Normalise,
    tokens: usize,
    device: Device,
}

impl ProjectionTokenizer {
    /// # Errors
    /// [`TrainError::Config`] when the codebook is not over `model`'s patches.
    pub fn new(
        codebook: &Codebook,
        projection: &[f32],
        model: &ModelConfig,
        device: &Device,
    ) -> Result<Self, TrainError> {
        codebook.check_pixels(model)?;
        let data = TensorData::new(projection.to_vec(), [codebook.dim, model.patch_dim()]);
        Ok(Self {
            projection: Tensor::<2>::from_data(data, device).transpose(),
            nearest: Nearest::new(&codebook.centers, codebook.dim, device),
            normalise: codebook.normalise,
            tokens: codebook.tokens(),
            device: device.clone(),
        })
    }
}

impl Tokenizer for ProjectionTokenizer {
    fn tokens(&self) -> usize {
        self.tokens
    }

    fn tokenize(&self, patches: &[f32], _labels: &[u32]) -> Result<Vec<u32>, TrainError> {
        let [inputs, dim] = self.projection.dims();
        let mut tokens = Vec::with_capacity(patches.len() / inputs);
        for block in patches.chunks(BLOCK * inputs) {
            let mut block = block.to_vec();
            self.normalise.apply(&mut block, inputs);
            let rows = block.len() / inputs;
            let block =
                Tensor::<2>::from_data(TensorData::new(block, [rows, inputs]), &self.device);
            let mut codes = host_values(block.matmul(self.projection.clone()));
            Normalise::L2.apply(&mut codes, dim);
            tokens.extend(self.nearest.assign(&codes));
        }
        Ok(tokens)
    }
}
