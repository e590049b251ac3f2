//! Tokens to compare with: some without meaning, some that know the classes.

use crate::error::TrainError;
use crate::random::Stream;
use crate::tokenizer::Tokenizer;

/// Gives each different patch a token at random, always the same one: nothing about a hidden patch
/// can be learnt from its neighbours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RandomTokens {
    /// K.
    pub(crate) tokens: usize,
    /// Values in a patch.
    pub(crate) patch_dim: usize,
    /// Seed.
    pub(crate) seed: u64,
}

impl Tokenizer for RandomTokens {
    fn tokens(&self) -> usize {
        self.tokens
    }

    fn tokenize(&self, patches: &[f32], _labels: &[u32]) -> Result<Vec<u32>, TrainError> {
        let token = |patch: &[f32]| {
            let words = patch.iter().map(|value| u64::from(value.to_bits()));
            let key: Vec<u64> = [self.seed].into_iter().chain(words).collect();
            Stream::new(&key).below(self.tokens) as u32
        };
        Ok(patches.chunks_exact(self.patch_dim).map(token).collect())
    }
}

/// Pixel tokens of their own for each group of classes: a graded oracle. A group of one class makes
/// tokens that belong to one class each, a group of all leaves plain pixel tokens; the number of
/// tokens stays about the same.
#[derive(Debug)]
pub(crate) struct GroupTokens {
    /// Tokenises the pixels, alike for every group.
    pub(crate) pixels: Box<dyn Tokenizer>,
    /// Classes in a group: those that follow each other.
    pub(crate) classes_together: usize,
    /// Number of classes.
    pub(crate) classes: usize,
}

impl GroupTokens {
    fn groups(&self) -> usize {
        self.classes.div_ceil(self.classes_together)
    }

    /// Pixel tokens for each group, that all groups together have no more than `tokens`.
    pub(crate) fn tokens_each(tokens: usize, classes: usize, classes_together: usize) -> usize {
        tokens / classes.div_ceil(classes_together)
    }
}

impl Tokenizer for GroupTokens {
    fn tokens(&self) -> usize {
        self.groups() * self.pixels.tokens()
    }

    fn tokenize(&self, patches: &[f32], labels: &[u32]) -> Result<Vec<u32>, TrainError> {
        if let Some(label) = labels.iter().find(|&&label| label as usize >= self.classes) {
            return Err(TrainError::Config(format!(
                "class {label} of {} classes",
                self.classes
            )));
        }
        let mut tokens = self.pixels.tokenize(patches, labels)?;
        let each = tokens.len() / labels.len().max(1);
        for (tokens, label) in tokens.chunks_exact_mut(each.max(1)).zip(labels) {
            let group = label / self.classes_together as u32;
            for token in tokens {
                *token += group * self.pixels.tokens() as u32;
            }
        }
        Ok(tokens)
    }
}
