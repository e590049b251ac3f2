//! A linear layer with its weight as checkpoints hold it.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, module};

use super::fused;
use super::init::Init;
use super::precision::product;

/// `y = x W^T + b`.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[out, in]`.
    pub weight: Param<Tensor<2>>,
    /// `[out]`.
    pub bias: Param<Tensor<1>>,
    /// Whether the product is in bfloat16.
    bf16: bool,
}

impl Linear {
    /// Xavier-uniform weight, zero bias.
    pub fn new(init: &mut Init<'_>, input: usize, output: usize) -> Self {
        Self {
            weight: init.xavier([output, input]),
            bias: init.constant([output], 0.0),
            bf16: init.bf16(),
        }
    }

    /// With a weight `[out, in]` and a bias `[out]` of one's own.
    pub fn of(weight: Param<Tensor<2>>, bias: Param<Tensor<1>>) -> Self {
        Self {
            weight,
            bias,
            bf16: false,
        }
    }

    /// `[rows, in]` to `[rows, out]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        if self.bf16 {
            return product(x, weight.transpose(), true) + bias.unsqueeze();
        }
        linear(x, weight, bias)
    }
}

/// `x W^T + b`: `[rows, in]` to `[rows, out]` with a weight `[out, in]` and a bias `[out]`.
pub(super) fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    if fused::applies(&x) {
        return fused::linear(x, weight, bias);
    }
    module::linear(x, weight.transpose(), Some(bias))
}
