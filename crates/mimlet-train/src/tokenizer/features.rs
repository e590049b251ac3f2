//! Nearest centroid of a teacher's patch features.

use std::path::Path;

use burn::tensor::Device;

use super::Tokenizer;
use crate::codebook::{Assigner, Codebook};
use crate::config::ModelConfig;
use crate::encoder::EncoderFile;
use crate::error::TrainError;

/// Tokens of a feature codebook, with the encoder it was made from.
#[derive(Debug)]
pub struct FeatureTokenizer {
    teacher: EncoderFile,
    assigner: Assigner,
    tokens: usize,
}

impl FeatureTokenizer {
    /// # Errors
    /// [`TrainError::Config`] when the encoder at `path` is not the codebook's teacher, or takes
    /// other patches than `model`; as [`EncoderFile::read`].
    pub fn new(
        codebook: &Codebook,
        teacher_hash: &str,
        path: &Path,
        model: &ModelConfig,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let teacher = EncoderFile::read(path, device)?;
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
        let input =
            |model: &ModelConfig| (model.image_size, model.patch_size, model.mean, model.std);
        if input(&teacher.model) != input(model) {
            return wrong(format!(
                "{} takes other images than model.image_size, patch_size, mean and std say",
                path.display()
            ));
        }
        Ok(Self {
            teacher,
            assigner: Assigner::new(&codebook.centers, codebook.dim),
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
        Ok(self.assigner.assign(&features.patches))
    }
}
