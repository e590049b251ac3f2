//! A linear layer with its weight as checkpoints hold it.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, module};

use super::init::Init;

/// `y = x W^T + b`.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[out, in]`.
    pub weight: Param<Tensor<2>>,
    /// `[out]`.
    pub bias: Param<Tensor<1>>,
}

impl Linear {
    /// Xavier-uniform weight, zero bias.
    pub fn new(init: &mut Init<'_>, input: usize, output: usize) -> Self {
        Self {
            weight: init.xavier([output, input]),
            bias: init.constant([output], 0.0),
        }
    }

    /// `[rows, in]` to `[rows, out]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        module::linear(x, self.weight.val().transpose(), Some(self.bias.val()))
    }
}
