//! Nearest centroid of a teacher's patch features.

use std::path::Path;

use burn::tensor::Device;

use super::Tokenizer;
use crate::codebook::{Codebook, Normalise};
use crate::config::ModelConfig;
use crate::encoder::EncoderFile;
use crate::error::TrainError;
use crate::kmeans::Nearest;

/// Tokens of a feature codebook, with the encoder it was made from.
#[derive(Debug)]
pub struct FeatureTokenizer {
    teacher: EncoderFile,
    nearest: Nearest,
    normalise: Normalise,
    tokens: usize,
}

impl FeatureTokenizer {
    /// # Errors
    /// [`TrainError::Config`] when the encoder at `path` is not the codebook's teacher, or takes
    /// other patches than `model`; as [`EncoderFile::open`].
    pub fn new(
        codebook: &Codebook,
        teacher_hash: &str,
        path: &Path,
        model: &ModelConfig,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let teacher = EncoderFile::open(path, model, device)?.at_layer(codebook.layer)?;
        let wrong = |reason: String| Err(TrainError::Config(reason));
        if teacher.hash != teacher_hash {
            return wrong(format!(
                "the codebook was made from another encoder than {}",
                path.display()
            ));
        }
        if codebook.dim != teacher.model.dim {
            return wrong(format!(
                "the codebook's centroids have width {}, the encoder's features {}",
                codebook.dim, teacher.model.dim
            ));
        }
        Ok(Self {
            teacher: teacher.for_input(model)?,
            nearest: Nearest::new(&codebook.centers, codebook.dim, device),
            normalise: codebook.normalise,
            tokens: codebook.tokens(),
        })
    }
}

impl Tokenizer for FeatureTokenizer {
    fn tokens(&self) -> usize {
        self.tokens
    }

    fn tokenize(&self, patches: &[f32], labels: &[u32]) -> Result<Vec<u32>, TrainError> {
        let features = self.teacher.encode(patches.to_vec(), labels.to_vec());
        let mut vectors = features.patches;
        self.normalise.apply(&mut vectors, self.teacher.model.dim);
        Ok(self.nearest.assign(&vectors))
    }
}
