//! A whole transformer block as one operation, forward and backward.
//!
//! The batch is cut into groups of images whose rows fit the second-level cache; a group passes
//! through the whole block before the next one, on one thread. Kept for the backward pass are the
//! queries, keys and values, what the heads mixed, the residual stream between the two halves, and
//! the MLP's layer before its GELU: `9 dim` values a row with an MLP four times as wide. Norms,
//! attention probabilities and GELU are computed again.
//!
//! How the batch is cut depends on the shape alone, and so does the order of every sum.

mod backward;
mod forward;

pub(super) use backward::backward;
pub(super) use forward::{Saved, forward};

use super::attention::Heads;

/// Rows a task aims at, and rows of its MLP at a time.
const ROWS: usize = 96;

/// Sizes of a block and its input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) batch: usize,
    pub(super) tokens: usize,
    pub(super) dim: usize,
    pub(super) heads: usize,
    pub(super) mlp: usize,
}

impl Shape {
    pub(super) fn rows(self) -> usize {
        self.batch * self.tokens
    }

    /// Rows of one task: whole images.
    fn group(self) -> usize {
        (ROWS / self.tokens).clamp(1, self.batch.max(1)) * self.tokens
    }

    fn attention(self) -> Heads {
        Heads {
            tokens: self.tokens,
            dim: self.dim,
            heads: self.heads,
        }
    }
}

/// One thing for each parameter of a block.
#[derive(Debug, Clone)]
pub(super) struct Parts<T> {
    pub(super) norm1_gain: T,
    pub(super) norm1_offset: T,
    pub(super) qkv_weight: T,
    pub(super) qkv_bias: T,
    pub(super) proj_weight: T,
    pub(super) proj_bias: T,
    pub(super) norm2_gain: T,
    pub(super) norm2_offset: T,
    pub(super) fc1_weight: T,
    pub(super) fc1_bias: T,
    pub(super) fc2_weight: T,
    pub(super) fc2_bias: T,
}

impl<T> Parts<T> {
    /// In the order of the fields.
    pub(super) fn from_array(array: [T; 12]) -> Self {
        let [
            norm1_gain,
            norm1_offset,
            qkv_weight,
            qkv_bias,
            proj_weight,
            proj_bias,
            norm2_gain,
            norm2_offset,
            fc1_weight,
            fc1_bias,
            fc2_weight,
            fc2_bias,
        ] = array;
        Self {
            norm1_gain,
            norm1_offset,
            qkv_weight,
            qkv_bias,
            proj_weight,
            proj_bias,
            norm2_gain,
            norm2_offset,
            fc1_weight,
            fc1_bias,
            fc2_weight,
            fc2_bias,
        }
    }

    /// In the order of the fields.
    pub(super) fn into_array(self) -> [T; 12] {
        [
            self.norm1_gain,
            self.norm1_offset,
            self.qkv_weight,
            self.qkv_bias,
            self.proj_weight,
            self.proj_bias,
            self.norm2_gain,
            self.norm2_offset,
            self.fc1_weight,
            self.fc1_bias,
            self.fc2_weight,
            self.fc2_bias,
        ]
    }

    pub(super) fn as_ref(&self) -> Parts<&T> {
        Parts {
            norm1_gain: &self.norm1_gain,
            norm1_offset: &self.norm1_offset,
            qkv_weight: &self.qkv_weight,
            qkv_bias: &self.qkv_bias,
            proj_weight: &self.proj_weight,
            proj_bias: &self.proj_bias,
            norm2_gain: &self.norm2_gain,
            norm2_offset: &self.norm2_offset,
            fc1_weight: &self.fc1_weight,
            fc1_bias: &self.fc1_bias,
            fc2_weight: &self.fc2_weight,
            fc2_bias: &self.fc2_bias,
        }
    }
}
