//! A block's float tensors, and migrations folded into the layers before.

use super::migrate::{self, Migration};
use crate::float_run::Taps;
use crate::model::FloatModel;
use mimlet_format::{BlockTensor, LinearPart, NormPart, TensorRole};

/// A linear layer's tensors, by part.
pub(super) type LinearTensor = fn(LinearPart) -> BlockTensor;
/// A norm's tensors, by part.
pub(super) type NormTensor = fn(NormPart) -> BlockTensor;

/// A weight and a bias: a linear layer `[outputs, inputs]`, or a norm's gain and offset.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Affine {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// A block's tensors.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FloatBlock {
    pub(super) norm1: Affine,
    pub(super) qkv: Affine,
    pub(super) proj: Affine,
    pub(super) norm2: Affine,
    pub(super) fc1: Affine,
    pub(super) fc2: Affine,
}

impl FloatBlock {
    /// A copy of a model's block.
    pub(super) fn of(model: &FloatModel, layer: u32) -> Self {
        let get = |tensor| {
            let role = TensorRole::Block { layer, tensor };
            model.weights.get(role).to_vec()
        };
        let linear = |tensor: LinearTensor| Affine {
            weight: get(tensor(LinearPart::Weight)),
            bias: get(tensor(LinearPart::Bias)),
        };
        let norm = |tensor: NormTensor| Affine {
            weight: get(tensor(NormPart::Weight)),
            bias: get(tensor(NormPart::Bias)),
        };
        Self {
            norm1: norm(BlockTensor::Norm1),
            qkv: linear(BlockTensor::Qkv),
            proj: linear(BlockTensor::Proj),
            norm2: norm(BlockTensor::Norm2),
            fc1: linear(BlockTensor::Fc1),
            fc2: linear(BlockTensor::Fc2),
        }
    }

    /// The same block with its outliers moved from inputs into weights: exactly the same outputs,
    /// but kinder to bytes. Also the inputs as they are now, and the strengths for qkv, proj and
    /// fc1. What goes into fc2 comes out of GELU, through which no factor passes.
    pub(super) fn migrated(mut self, mut taps: Taps) -> (Self, Taps, [Option<f32>; 3]) {
        let dim = self.norm1.weight.len();
        let qkv = migrate::choose(&taps.qkv, &self.qkv.weight, dim);
        divide_columns(&mut self.norm1.weight, &qkv);
        divide_columns(&mut self.norm1.bias, &qkv);
        multiply_columns(&mut self.qkv.weight, &qkv);
        divide_columns(&mut taps.qkv, &qkv);

        // Attention averages values channel by channel: a factor of a value row passes through.
        let proj = migrate::choose(&taps.proj, &self.proj.weight, dim);
        for (row, factor) in self.qkv.weight[2 * dim * dim..]
            .chunks_exact_mut(dim)
            .zip(&proj.factors)
        {
            row.iter_mut().for_each(|weight| *weight /= factor);
        }
        divide_columns(&mut self.qkv.bias[2 * dim..], &proj);
        multiply_columns(&mut self.proj.weight, &proj);
        divide_columns(&mut taps.proj, &proj);

        let fc1 = migrate::choose(&taps.fc1, &self.fc1.weight, dim);
        divide_columns(&mut self.norm2.weight, &fc1);
        divide_columns(&mut self.norm2.bias, &fc1);
        multiply_columns(&mut self.fc1.weight, &fc1);
        divide_columns(&mut taps.fc1, &fc1);
        (self, taps, [qkv.alpha, proj.alpha, fc1.alpha])
    }
}

fn divide_columns(matrix: &mut [f32], migration: &Migration) {
    for row in matrix.chunks_exact_mut(migration.factors.len()) {
        for (value, factor) in row.iter_mut().zip(&migration.factors) {
            *value /= factor;
        }
    }
}

fn multiply_columns(matrix: &mut [f32], migration: &Migration) {
    for row in matrix.chunks_exact_mut(migration.factors.len()) {
        for (value, factor) in row.iter_mut().zip(&migration.factors) {
            *value *= factor;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Affine, FloatBlock, LinearTensor, NormTensor};
    use crate::float_run::FloatRun;
    use crate::random_model::small;
    use crate::{FloatModel, synthetic_golden};
    use mimlet_format::{BlockTensor, LinearPart, NormPart, TensorRole};

    fn put(model: &mut FloatModel, layer: u32, block: FloatBlock) {
        let mut insert = |tensor, values| {
            let role = TensorRole::Block { layer, tensor };
            model.weights.insert(role, values);
        };
        let norms: [(NormTensor, Affine); 2] = [
            (BlockTensor::Norm1, block.norm1),
            (BlockTensor::Norm2, block.norm2),
        ];
        for (tensor, norm) in norms {
            insert(tensor(NormPart::Weight), norm.weight);
            insert(tensor(NormPart::Bias), norm.bias);
        }
        let linears: [(LinearTensor, Affine); 4] = [
            (BlockTensor::Qkv, block.qkv),
            (BlockTensor::Proj, block.proj),
            (BlockTensor::Fc1, block.fc1),
            (BlockTensor::Fc2, block.fc2),
        ];
        for (tensor, linear) in linears {
            insert(tensor(LinearPart::Weight), linear.weight);
            insert(tensor(LinearPart::Bias), linear.bias);
        }
    }

    #[test]
    fn migrated_blocks_give_the_same_features_bit_for_bit() {
        let model = small::with_outliers(5);
        let preprocess = model.preprocess.resolve(model.encoder.image_size);
        let golden = synthetic_golden(model.encoder.image_size, 2, 1);
        let images: Vec<&[u8]> = golden.iter().map(|image| &image.pixels[..]).collect();
        let mut migrated = model.clone();
        let mut run = FloatRun::new(&model, &preprocess, &images, 0..2);
        let mut moved = 0;
        for layer in 0..model.encoder.depth {
            let taps = run.block(layer);
            let (block, _, alphas) = FloatBlock::of(&model, layer).migrated(taps);
            moved += alphas.iter().flatten().count();
            put(&mut migrated, layer, block);
        }
        assert!(moved > 0, "nothing was migrated: the test shows nothing");
        let expected = run.answers(2, None);
        let mut run = FloatRun::new(&migrated, &preprocess, &images, 0..0);
        for layer in 0..model.encoder.depth {
            run.block(layer);
        }
        assert_eq!(run.answers(2, None), expected);
    }
}
