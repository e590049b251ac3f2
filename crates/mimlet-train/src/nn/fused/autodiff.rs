//! The gradients of the fused operations, for burn's autodiff.

use std::sync::Arc;

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Flex, TensorMetadata};
use burn_autodiff::checkpoint::base::Checkpointer;
use burn_autodiff::checkpoint::strategy::CheckpointStrategy;
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};
use burn_flex::FlexTensor;

use super::block::{self, Parts, Saved};
use super::buffer::Buffer;
use super::cross_entropy;
use super::linear::{self, Layer};
use super::norm::{self, Affine};
use super::operations::{
    BlockTensors, FusedOps, block_forward, block_shape, classes, cross_entropy_forward, dense,
    linear_forward, norm_forward, tensor, values,
};

impl<C: CheckpointStrategy> FusedOps for Autodiff<Flex, C> {
    fn fused_block(
        x: FloatTensor<Self>,
        parameters: BlockTensors<Self>,
        heads: usize,
        batch: usize,
    ) -> FloatTensor<Self> {
        let [p0, p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11] = parameters.into_array();
        let inputs = [x, p0, p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11];
        let nodes = inputs.each_ref().map(|input| input.node());
        let [x, rest @ ..] = inputs.map(|input| dense(input.into_primitive()));
        let parameters = Parts::from_array(rest);
        let (out, saved) = block_forward(&x, &parameters, heads, batch);
        match BlockGradient.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let state = BlockState {
                    x,
                    parameters,
                    heads,
                    batch,
                    saved: Arc::new(saved),
                };
                prepared.finish(state, out)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(out),
        }
    }

    fn fused_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let inputs = [x, weight, bias];
        let nodes = inputs.each_ref().map(|input| input.node());
        let inputs = inputs.map(|input| dense(input.into_primitive()));
        let out = linear_forward(&inputs[0], &inputs[1], &inputs[2]);
        match LinearGradient
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prepared) => prepared.finish(inputs, out),
            OpsKind::UnTracked(prepared) => prepared.finish(out),
        }
    }

    fn fused_norm(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        offset: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let inputs = [x, gain, offset];
        let nodes = inputs.each_ref().map(|input| input.node());
        let inputs = inputs.map(|input| dense(input.into_primitive()));
        let out = norm_forward(&inputs[0], &inputs[1], &inputs[2]);
        match NormGradient.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(inputs, out),
            OpsKind::UnTracked(prepared) => prepared.finish(out),
        }
    }

    fn fused_cross_entropy(
        logits: FloatTensor<Self>,
        targets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        let node = logits.node();
        let logits = dense(logits.into_primitive());
        let targets = classes(&targets);
        let (out, normalisers) = cross_entropy_forward(&logits, &targets);
        let prepared = CrossEntropyGradient.prepare::<C>([node]);
        match prepared.compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let state = CrossEntropyState {
                    logits,
                    targets,
                    normalisers: Arc::new(normalisers),
                };
                prepared.finish(state, out)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(out),
        }
    }
}

#[derive(Debug)]
struct BlockGradient;

#[derive(Debug, Clone)]
struct BlockState {
    x: FlexTensor,
    parameters: Parts<FlexTensor>,
    heads: usize,
    batch: usize,
    saved: Arc<Saved>,
}

impl Backward<Flex, 13> for BlockGradient {
    type State = BlockState;

    fn backward(self, ops: Ops<BlockState, 13>, grads: &mut Gradients, _: &mut Checkpointer) {
        let output = dense(grads.consume::<Flex>(&ops.node));
        let BlockState {
            x,
            parameters,
            heads,
            batch,
            saved,
        } = ops.state;
        let shape = block_shape(&x, &parameters, heads, batch);
        let mut input = vec![0.0; values(&x).len()];
        let gradients = block::backward(
            shape,
            &parameters.as_slices(),
            &saved,
            values(&x),
            values(&output),
            &mut input,
        );
        drop(saved);
        let [input_node, nodes @ ..] = ops.parents;
        if let Some(node) = input_node {
            grads.register::<Flex>(node.id, tensor(input, &x.shape()));
        }
        let gradients = gradients.into_array().into_iter();
        let parameters = parameters.into_array().into_iter();
        for ((node, gradient), parameter) in nodes.into_iter().zip(gradients).zip(parameters) {
            if let Some(node) = node {
                grads.register::<Flex>(node.id, tensor(gradient, &parameter.shape()));
            }
        }
    }
}

#[derive(Debug)]
struct LinearGradient;

impl Backward<Flex, 3> for LinearGradient {
    type State = [FlexTensor; 3];

    fn backward(self, ops: Ops<[FlexTensor; 3], 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let output = dense(grads.consume::<Flex>(&ops.node));
        let [x, weight, bias] = ops.state;
        let layer = Layer {
            weight: values(&weight),
            bias: values(&bias),
        };
        let [x_node, weight_node, bias_node] = ops.parents;
        if let Some(node) = x_node {
            let mut input = vec![0.0; values(&x).len()];
            linear::input_gradient(layer, values(&output), &mut input);
            grads.register::<Flex>(node.id, tensor(input, &x.shape()));
        }
        if weight_node.is_none() && bias_node.is_none() {
            return;
        }
        let gradients = linear::parameter_gradients(layer, values(&x), values(&output));
        if let Some(node) = weight_node {
            grads.register::<Flex>(node.id, tensor(gradients.0, &weight.shape()));
        }
        if let Some(node) = bias_node {
            grads.register::<Flex>(node.id, tensor(gradients.1, &bias.shape()));
        }
    }
}

#[derive(Debug)]
struct NormGradient;

impl Backward<Flex, 3> for NormGradient {
    type State = [FlexTensor; 3];

    fn backward(self, ops: Ops<[FlexTensor; 3], 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let output = dense(grads.consume::<Flex>(&ops.node));
        let [x, gain, offset] = &ops.state;
        let affine = Affine {
            gain: values(gain),
            offset: values(offset),
        };
        let gradients = norm::backward(values(x), affine, values(&output));
        let inputs = ops.state.iter().zip(ops.parents);
        for ((input, node), gradient) in inputs.zip(gradients) {
            if let Some(node) = node {
                grads.register::<Flex>(node.id, tensor(gradient, &input.shape()));
            }
        }
    }
}

#[derive(Debug)]
struct CrossEntropyGradient;

#[derive(Debug, Clone)]
struct CrossEntropyState {
    logits: FlexTensor,
    targets: Vec<usize>,
    normalisers: Arc<Buffer>,
}

impl Backward<Flex, 1> for CrossEntropyGradient {
    type State = CrossEntropyState;

    fn backward(self, ops: Ops<CrossEntropyState, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let output = dense(grads.consume::<Flex>(&ops.node));
        let CrossEntropyState {
            logits,
            targets,
            normalisers,
        } = ops.state;
        let [Some(node)] = ops.parents else {
            return;
        };
        let scale = values(&output)[0] / targets.len() as f32;
        let gradient = cross_entropy::backward(values(&logits), &targets, &normalisers, scale);
        grads.register::<Flex>(node.id, tensor(gradient, &logits.shape()));
    }
}
