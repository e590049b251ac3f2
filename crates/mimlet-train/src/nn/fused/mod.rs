//! Whole layers as single operations on the CPU, with gradients written by hand.
//!
//! burn's CPU backend computes a layer as many operations, each of which reads and writes whole
//! tensors on one thread. Here a transformer block, a linear layer, a layer norm, the
//! cross-entropy and the optimiser's step are one operation each: cut into tasks that stay in
//! cache, spread over rayon's threads, with vector instructions found at run time.
//!
//! On other devices, and for other types than f32, the layers compose burn's own operations;
//! [`applies`] tells which it is. The results agree to rounding. They do not depend on the number
//! of threads: tasks are cut by shape, and every sum has one order.

mod attention;
mod autodiff;
mod block;
mod buffer;
mod cross_entropy;
mod gemm;
mod linear;
mod norm;
mod operations;
mod rows;
mod update;
mod vector;
mod weights;

#[cfg(test)]
mod tests;

use burn::backend::Dispatch;
use burn::tensor::{DType, Device, Int, Tensor};

pub(super) use operations::BlockTensors;
use operations::{FusedOps, UpdateOps};
pub(crate) use update::Step;

/// Whether the operations of this module can take `x`.
pub(crate) fn applies<const D: usize>(x: &Tensor<D>) -> bool {
    x.dtype() == DType::F32 && x.device() == Device::flex()
}

/// A transformer block over `x`, `[batch * tokens, dim]`.
pub(super) fn block(
    x: Tensor<2>,
    parameters: BlockTensors<Dispatch>,
    heads: usize,
    batch: usize,
) -> Tensor<2> {
    let out = Dispatch::fused_block(x.into_dispatch(), parameters, heads, batch);
    Tensor::from_dispatch(out)
}

/// `x W^T + b` of `x`, `[rows, inputs]`, and `weight`, `[outputs, inputs]`.
pub(super) fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
    let out = Dispatch::fused_linear(x, weight, bias.into_dispatch());
    Tensor::from_dispatch(out)
}

/// Layer norm of `x`, `[rows, dim]`.
pub(super) fn norm(x: Tensor<2>, gain: Tensor<1>, offset: Tensor<1>) -> Tensor<2> {
    let (x, gain) = (x.into_dispatch(), gain.into_dispatch());
    Tensor::from_dispatch(Dispatch::fused_norm(x, gain, offset.into_dispatch()))
}

/// Mean cross-entropy of `logits`, `[rows, classes]`, against `targets`, `[rows]`.
pub(super) fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let (logits, targets) = (logits.into_dispatch(), targets.into_dispatch());
    Tensor::from_dispatch(Dispatch::fused_cross_entropy(logits, targets))
}

/// Sum of squares; `x` is outside of any autodiff graph.
pub(crate) fn sum_of_squares<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::fused_squares(x.into_dispatch()))
}

/// A parameter, its first and its second moment after `step`; all outside of any autodiff graph.
pub(crate) fn adamw(
    [parameter, first, second]: [Tensor<1>; 3],
    gradient: Tensor<1>,
    step: Step,
) -> [Tensor<1>; 3] {
    let [parameter, first, second] = [parameter, first, second].map(Tensor::into_dispatch);
    let gradient = gradient.into_dispatch();
    let (parameter, first, second) =
        Dispatch::fused_adamw(parameter, first, second, gradient, step);
    [parameter, first, second].map(Tensor::from_dispatch)
}
