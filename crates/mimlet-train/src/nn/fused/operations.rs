//! The fused operations as burn knows them: an extension of its CPU backend.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, ExtensionType, Flex, TensorMetadata, backend_extension};
use burn::tensor::TensorData;
use burn_flex::FlexTensor;

use super::block::{self, Parts, Saved, Shape};
use super::buffer::Buffer;
use super::linear::{self, Layer};
use super::norm::{self, Affine};
use super::{cross_entropy, update};

/// Operations with gradients of their own.
#[backend_extension(Flex, Autodiff)]
pub(super) trait FusedOps: Backend {
    /// A transformer block over `x`, `[batch * tokens, dim]`.
    fn fused_block(
        x: FloatTensor<Self>,
        #[extension_type] parameters: BlockTensors<Self>,
        heads: usize,
        batch: usize,
    ) -> FloatTensor<Self>;

    /// `x W^T + b` of `x`, `[rows, inputs]`, and `weight`, `[outputs, inputs]`.
    fn fused_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// Layer norm of `x`, `[rows, dim]`.
    fn fused_norm(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        offset: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// Mean cross-entropy, `[1]`, of `logits`, `[rows, classes]`, against `targets`, `[rows]`.
    fn fused_cross_entropy(
        logits: FloatTensor<Self>,
        targets: IntTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// Operations of the optimiser, which nobody differentiates.
#[backend_extension(Flex)]
pub(super) trait UpdateOps: Backend {
    /// Sum of squares, `[1]`.
    fn fused_squares(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// A parameter, its first and its second moment after a step of AdamW.
    fn fused_adamw(
        parameter: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        step: update::Step,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// A block's parameters.
#[derive(Debug, Clone, ExtensionType)]
pub(in crate::nn) struct BlockTensors<B: Backend> {
    pub(in crate::nn) norm1_gain: FloatTensor<B>,
    pub(in crate::nn) norm1_offset: FloatTensor<B>,
    pub(in crate::nn) qkv_weight: FloatTensor<B>,
    pub(in crate::nn) qkv_bias: FloatTensor<B>,
    pub(in crate::nn) proj_weight: FloatTensor<B>,
    pub(in crate::nn) proj_bias: FloatTensor<B>,
    pub(in crate::nn) norm2_gain: FloatTensor<B>,
    pub(in crate::nn) norm2_offset: FloatTensor<B>,
    pub(in crate::nn) fc1_weight: FloatTensor<B>,
    pub(in crate::nn) fc1_bias: FloatTensor<B>,
    pub(in crate::nn) fc2_weight: FloatTensor<B>,
    pub(in crate::nn) fc2_bias: FloatTensor<B>,
}

impl<B: Backend> BlockTensors<B> {
    pub(super) fn into_array(self) -> [FloatTensor<B>; 12] {
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
}

impl FusedOps for Flex {
    fn fused_block(
        x: FlexTensor,
        parameters: BlockTensors<Self>,
        heads: usize,
        batch: usize,
    ) -> FlexTensor {
        let parameters = Parts::from_array(parameters.into_array().map(dense));
        block_forward(&dense(x), &parameters, heads, batch).0
    }

    fn fused_linear(x: FlexTensor, weight: FlexTensor, bias: FlexTensor) -> FlexTensor {
        linear_forward(&dense(x), &dense(weight), &dense(bias))
    }

    fn fused_norm(x: FlexTensor, gain: FlexTensor, offset: FlexTensor) -> FlexTensor {
        norm_forward(&dense(x), &dense(gain), &dense(offset))
    }

    fn fused_cross_entropy(logits: FlexTensor, targets: FlexTensor) -> FlexTensor {
        cross_entropy_forward(&dense(logits), &classes(&targets)).0
    }
}

impl UpdateOps for Flex {
    fn fused_squares(x: FlexTensor) -> FlexTensor {
        let sum = update::sum_of_squares(values(&dense(x)));
        tensor(vec![sum as f32], &[1])
    }

    fn fused_adamw(
        parameter: FlexTensor,
        first: FlexTensor,
        second: FlexTensor,
        gradient: FlexTensor,
        step: update::Step,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let [mut parameter, mut first, mut second] = [parameter, first, second].map(dense);
        update::adamw(
            step,
            values(&dense(gradient)),
            parameter.storage_mut(),
            first.storage_mut(),
            second.storage_mut(),
        );
        (parameter, first, second)
    }
}

/// `tensor` with its elements one after the other and nothing else in its memory.
pub(super) fn dense(tensor: FlexTensor) -> FlexTensor {
    let whole = tensor
        .as_slice::<f32>()
        .is_some_and(|values| values.len() == tensor.storage::<f32>().len());
    if whole {
        return tensor;
    }
    let device = tensor.device();
    Flex::float_from_data(tensor.into_data(), &device)
}

/// The elements of a dense tensor.
pub(super) fn values(tensor: &FlexTensor) -> &[f32] {
    tensor.storage()
}

pub(super) fn tensor(values: Vec<f32>, shape: &[usize]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape.to_vec()))
}

/// Class indices of any integer type.
pub(super) fn classes(targets: &FlexTensor) -> Vec<usize> {
    let data = targets.clone().into_data();
    data.iter::<i64>().map(|class| class as usize).collect()
}

pub(super) fn block_shape(
    x: &FlexTensor,
    parameters: &Parts<FlexTensor>,
    heads: usize,
    batch: usize,
) -> Shape {
    let [rows, dim] = x.shape().dims();
    Shape {
        batch,
        tokens: rows / batch.max(1),
        dim,
        heads,
        mlp: values(&parameters.fc1_bias).len(),
    }
}

pub(super) fn block_forward(
    x: &FlexTensor,
    parameters: &Parts<FlexTensor>,
    heads: usize,
    batch: usize,
) -> (FlexTensor, Saved) {
    let shape = block_shape(x, parameters, heads, batch);
    let mut out = vec![0.0; values(x).len()];
    let saved = block::forward(shape, &parameters.as_slices(), values(x), &mut out);
    (tensor(out, &[shape.rows(), shape.dim]), saved)
}

impl Parts<FlexTensor> {
    pub(super) fn as_slices(&self) -> Parts<&[f32]> {
        Parts::from_array(self.as_ref().into_array().map(values))
    }
}

pub(super) fn linear_forward(x: &FlexTensor, weight: &FlexTensor, bias: &FlexTensor) -> FlexTensor {
    let [rows, _] = x.shape().dims();
    let [outputs, _] = weight.shape().dims();
    let layer = Layer {
        weight: values(weight),
        bias: values(bias),
    };
    let mut out = vec![0.0; rows * outputs];
    linear::forward(layer, values(x), &mut out);
    tensor(out, &[rows, outputs])
}

pub(super) fn norm_forward(x: &FlexTensor, gain: &FlexTensor, offset: &FlexTensor) -> FlexTensor {
    let affine = Affine {
        gain: values(gain),
        offset: values(offset),
    };
    let mut out = vec![0.0; values(x).len()];
    norm::forward(values(x), affine, &mut out);
    let [rows, dim] = x.shape().dims();
    tensor(out, &[rows, dim])
}

pub(super) fn cross_entropy_forward(
    logits: &FlexTensor,
    targets: &[usize],
) -> (FlexTensor, Buffer) {
    let (loss, normalisers) = cross_entropy::forward(values(logits), targets);
    (tensor(vec![loss as f32], &[1]), normalisers)
}
