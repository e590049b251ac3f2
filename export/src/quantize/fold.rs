//! A block's float tensors, and migrations folded into the layers before.

use super::feedback::Grid;
use super::migrate::{self, Migration};
use crate::float_block::{Half, Linear, Taps};
use crate::model::Weights;
use mimlet_format::{BlockTensor, EncoderConfig, LinearPart, NormPart, TensorRole};

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
    /// A model's block, taken out of it.
    pub(super) fn take(weights: &mut Weights<'_>, layer: u32) -> Self {
        let mut take = |tensor| weights.take(TensorRole::Block { layer, tensor });
        let mut linear = |tensor: LinearTensor| Affine {
            weight: take(tensor(LinearPart::Weight)),
            bias: take(tensor(LinearPart::Bias)),
        };
        let [qkv, proj, fc1, fc2] = [
            linear(BlockTensor::Qkv),
            linear(BlockTensor::Proj),
            linear(BlockTensor::Fc1),
            linear(BlockTensor::Fc2),
        ];
        let mut norm = |tensor: NormTensor| Affine {
            weight: take(tensor(NormPart::Weight)),
            bias: take(tensor(NormPart::Bias)),
        };
        Self {
            norm1: norm(BlockTensor::Norm1),
            qkv,
            proj,
            norm2: norm(BlockTensor::Norm2),
            fc1,
            fc2,
        }
    }

    /// Attention and MLP, ready to run.
    pub(super) fn halves(&self, encoder: &EncoderConfig) -> [Half; 2] {
        let parts = |affine: &'_ Affine| [affine.weight.clone(), affine.bias.clone()];
        let linear = |affine: &Affine| Linear::new(&affine.weight, &affine.bias, false);
        [
            Half::attention(
                encoder,
                parts(&self.norm1),
                [linear(&self.qkv), linear(&self.proj)],
            ),
            Half::mlp(
                encoder,
                parts(&self.norm2),
                [linear(&self.fc1), linear(&self.fc2)],
            ),
        ]
    }

    /// Moves the middle of each channel that goes into qkv, proj and fc1 to zero, so that a row's
    /// bytes need not span what all rows have in common (Outlier Suppression+: Wei et al. 2023,
    /// arXiv 2304.09145). Norms and value biases give less, the biases after them more: the same
    /// outputs but for rounding in f32. Attention's weights add to one, so that what is taken from
    /// each value is taken from their average. Nothing passes through GELU.
    pub(super) fn centre(&mut self, taps: &mut Taps) {
        let dim = self.norm1.weight.len();
        let middle = middles(&mut taps.qkv, dim);
        subtract(&mut self.norm1.bias, &middle);
        self.qkv.add_to_bias(&middle);
        let middle = middles(&mut taps.proj, dim);
        subtract(&mut self.qkv.bias[2 * dim..], &middle);
        self.proj.add_to_bias(&middle);
        let middle = middles(&mut taps.fc1, dim);
        subtract(&mut self.norm2.bias, &middle);
        self.fc1.add_to_bias(&middle);
    }

    /// Moves outliers from inputs into weights of a grid: the same outputs but for rounding in f32,
    /// kinder to integers. Also the strengths for qkv, proj and fc1. What goes into fc2 comes out of GELU,
    /// through which no factor passes.
    pub(super) fn migrate(&mut self, taps: &mut Taps, grid: &Grid) -> [Option<f32>; 3] {
        let dim = self.norm1.weight.len();
        let choose = |rows, layer: &Affine| migrate::choose(rows, &layer.weight, dim, grid);
        let (qkv, (proj, fc1)) = rayon::join(
            || choose(&taps.qkv, &self.qkv),
            || {
                rayon::join(
                    || choose(&taps.proj, &self.proj),
                    || choose(&taps.fc1, &self.fc1),
                )
            },
        );
        divide_columns(&mut self.norm1.weight, &qkv);
        divide_columns(&mut self.norm1.bias, &qkv);
        multiply_columns(&mut self.qkv.weight, &qkv);
        divide_columns(&mut taps.qkv, &qkv);

        // Attention averages values channel by channel: a factor of a value row passes through.
        for (row, factor) in self.qkv.weight[2 * dim * dim..]
            .chunks_exact_mut(dim)
            .zip(&proj.factors)
        {
            row.iter_mut().for_each(|weight| *weight /= factor);
        }
        divide_columns(&mut self.qkv.bias[2 * dim..], &proj);
        multiply_columns(&mut self.proj.weight, &proj);
        divide_columns(&mut taps.proj, &proj);

        divide_columns(&mut self.norm2.weight, &fc1);
        divide_columns(&mut self.norm2.bias, &fc1);
        multiply_columns(&mut self.fc1.weight, &fc1);
        divide_columns(&mut taps.fc1, &fc1);
        [qkv.alpha, proj.alpha, fc1.alpha]
    }
}

impl Affine {
    /// What inputs that are all this much smaller took from the outputs, given back.
    fn add_to_bias(&mut self, taken: &[f32]) {
        let rows = self.weight.chunks_exact(taken.len());
        for (bias, row) in self.bias.iter_mut().zip(rows) {
            let products = row.iter().zip(taken);
            let sum: f64 = products.map(|(&w, &x)| f64::from(w) * f64::from(x)).sum();
            *bias = (f64::from(*bias) + sum) as f32;
        }
    }
}

/// The middle between each column's extremes, and the columns with it subtracted.
fn middles(rows: &mut [f32], columns: usize) -> Vec<f32> {
    let mut extremes = vec![(f32::INFINITY, f32::NEG_INFINITY); columns];
    for row in rows.chunks_exact(columns) {
        for ((low, high), &x) in extremes.iter_mut().zip(row) {
            (*low, *high) = (low.min(x), high.max(x));
        }
    }
    let middle = |&(low, high): &(f32, f32)| {
        let middle = low / 2.0 + high / 2.0;
        // Without rows there is none.
        if middle.is_finite() { middle } else { 0.0 }
    };
    let middles: Vec<f32> = extremes.iter().map(middle).collect();
    for row in rows.chunks_exact_mut(columns) {
        subtract(row, &middles);
    }
    middles
}

fn subtract(values: &mut [f32], taken: &[f32]) {
    for (value, taken) in values.iter_mut().zip(taken) {
        *value -= taken;
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
    use crate::float_block::Taps;
    use crate::float_run::{Answer, FloatRun};
    use crate::model::Weights;
    use crate::quantize::int8;
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

    /// The answers of a model with outliers, and of the same with its blocks changed.
    fn before_and_after(mut change: impl FnMut(&mut FloatBlock, &mut Taps)) -> [Vec<Answer>; 2] {
        let model = small::with_outliers(5);
        let preprocess = model.preprocess.resolve(model.encoder.image_size);
        let golden = synthetic_golden(model.encoder.image_size, 2, 1);
        let images: Vec<&[u8]> = golden.iter().map(|image| &image.pixels[..]).collect();
        let mut changed = model.clone();
        let mut run = |model: &FloatModel, changed: Option<&mut FloatModel>| {
            let weights = Weights::Lent(&model.weights);
            let calibration = (0..2, 100);
            let encoder = &model.encoder;
            let mut run = FloatRun::new(encoder, &weights, &preprocess, &images, calibration);
            let mut changed = changed;
            for layer in 0..model.encoder.depth {
                let mut taps = run.block(&weights, layer);
                if let Some(changed) = &mut changed {
                    let mut block = FloatBlock::take(&mut Weights::Lent(&model.weights), layer);
                    change(&mut block, &mut taps);
                    put(changed, layer, block);
                }
            }
            run.answers(&weights, 2, None).0
        };
        let before = run(&model, Some(&mut changed));
        [before, run(&changed, None)]
    }

    fn assert_close(before: &[Answer], after: &[Answer], bound: f32) {
        for (before, after) in before.iter().zip(after) {
            for (before, after) in before.patches.iter().zip(&after.patches) {
                assert!((before - after).abs() < bound, "{before} became {after}");
            }
        }
    }

    #[test]
    fn migrated_blocks_give_the_same_features() {
        let mut moved = 0;
        let [before, after] = before_and_after(|block, taps| {
            let alphas = block.migrate(taps, &int8::grid(small::SHAPE.embed_dim as usize));
            moved += alphas.iter().flatten().count();
        });
        assert!(moved > 0, "nothing was migrated: the test shows nothing");
        assert_close(&before, &after, 1e-5);
    }

    #[test]
    fn centred_blocks_give_the_same_features_from_smaller_inputs() {
        let largest = |rows: &[f32]| rows.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        let mut shrunk = 0;
        let [before, after] = before_and_after(|block, taps| {
            let was = largest(&taps.qkv);
            block.centre(taps);
            shrunk += u32::from(largest(&taps.qkv) < 0.9 * was);
        });
        assert!(shrunk > 0, "nothing was centred: the test shows nothing");
        assert_close(&before, &after, 1e-3);
    }
}
