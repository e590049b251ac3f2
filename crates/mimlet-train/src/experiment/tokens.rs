//! Tokens without meaning, to compare with.

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
