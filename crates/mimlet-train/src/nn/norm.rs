//! Layer norm (Ba et al. 2016, arXiv 1607.06450).

use burn::module::{Module, Param};
use burn::tensor::{Tensor, module};

use super::fused;
use super::init::Init;

/// Epsilon of every layer norm, as in MAE and timm.
pub const EPSILON: f64 = 1e-6;

/// `(x - mean) / sqrt(variance + eps) * weight + bias` over the last dimension.
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// Gain, `[dim]`.
    pub weight: Param<Tensor<1>>,
    /// Offset, `[dim]`.
    pub bias: Param<Tensor<1>>,
}

impl LayerNorm {
    /// Gain 1, offset 0.
    pub fn new(init: &Init<'_>, dim: usize) -> Self {
        Self {
            weight: init.constant([dim], 1.0),
            bias: init.constant([dim], 0.0),
        }
    }

    /// `[rows, dim]` to the same.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        if fused::applies(&x) {
            return fused::norm(x, self.weight.val(), self.bias.val());
        }
        module::layer_norm(x, self.weight.val(), Some(self.bias.val()), EPSILON)
    }
}
