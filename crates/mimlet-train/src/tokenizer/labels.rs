//! The class-label oracle: what tokens could reach at best.

use super::Tokenizer;
use crate::config::ModelConfig;
use crate::error::TrainError;

/// Each patch's token is its image's class.
#[derive(Debug, Clone, Copy)]
pub struct LabelTokenizer {
    tokens: usize,
    patches: usize,
}

impl LabelTokenizer {
    /// For `tokens` classes and images as `model` cuts them.
    pub fn new(tokens: usize, model: &ModelConfig) -> Self {
        Self {
            tokens,
            patches: model.patches(),
        }
    }
}

impl Tokenizer for LabelTokenizer {
    fn tokens(&self) -> usize {
        self.tokens
    }

    fn tokenize(&self, _patches: &[f32], labels: &[u32]) -> Result<Vec<u32>, TrainError> {
        if let Some(label) = labels.iter().find(|&&label| label as usize >= self.tokens) {
            return Err(TrainError::Config(format!(
                "class {label} is not among the {} of the labels codebook; make one of this data \
                 set",
                self.tokens
            )));
        }
        let each = labels.iter();
        Ok(each
            .flat_map(|&label| std::iter::repeat_n(label, self.patches))
            .collect())
    }
}
