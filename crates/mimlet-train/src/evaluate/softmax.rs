//! Softmax regression by mini-batches: the arithmetic of the linear probe.
//!
//! Weights lie in panels `[ceil(classes / 16)][dim][16]`, as [`mimlet_kernels::linear`] reads them.
//! A panel of the gradient, `X^T E`, comes out of the same kernel in the same layout, so nothing is
//! packed at any step, and no sum's order depends on threads or instructions.

use mimlet_kernels::panel::{Panels, WIDTH};
use mimlet_kernels::{Epilogue, Level, linear};

use super::features::FeatureSet;

const MOMENTUM: f32 = 0.9;

/// Features of a step, with their transpose.
#[derive(Debug)]
pub(crate) struct Minibatch {
    /// `[rows, dim]`.
    values: Vec<f32>,
    /// `[dim, rows]`.
    transposed: Vec<f32>,
    labels: Vec<u32>,
}

impl Minibatch {
    /// The features of `rows`.
    pub(crate) fn new(set: &FeatureSet, rows: &[usize]) -> Self {
        let FeatureSet { values, labels, .. } = set.select(rows);
        let mut transposed = vec![0.0; values.len()];
        // Column by column a whole batch would fall into few lines of the cache; some rows fit.
        for (block, values) in values.chunks(WIDTH * set.dim).enumerate() {
            let count = values.len() / set.dim;
            for axis in 0..set.dim {
                let start = axis * rows.len() + block * WIDTH;
                let column = values[axis..].iter().step_by(set.dim);
                for (out, &value) in transposed[start..start + count].iter_mut().zip(column) {
                    *out = value;
                }
            }
        }
        Self {
            values,
            transposed,
            labels,
        }
    }
}

/// A linear classifier and its momentum.
#[derive(Debug, Clone)]
pub(crate) struct Classifier {
    level: Level,
    dim: usize,
    classes: usize,
    weights: Vec<f32>,
    weight_speed: Vec<f32>,
    /// `[ceil(classes / 16) * 16]`.
    bias: Vec<f32>,
    bias_speed: Vec<f32>,
}

/// How far one step goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) rate: f32,
    /// Pulls weights, not the bias, to zero.
    pub(crate) decay: f32,
}

impl Classifier {
    /// All weights zero: the problem is convex, so where it starts does not matter.
    pub(crate) fn new(dim: usize, classes: usize, level: Level) -> Self {
        let padded = classes.div_ceil(WIDTH) * WIDTH;
        Self {
            level,
            dim,
            classes,
            weights: vec![0.0; padded * dim],
            weight_speed: vec![0.0; padded * dim],
            bias: vec![0.0; padded],
            bias_speed: vec![0.0; padded],
        }
    }

    /// One step of momentum SGD on the mean cross-entropy of `batch`.
    pub(crate) fn learn(&mut self, batch: &Minibatch, step: Step) {
        let rows = batch.labels.len();
        let mut errors = self.outputs(&batch.values);
        self.outputs_to_errors(&mut errors, &batch.labels);
        let zeros = [0.0; WIDTH];
        let mut gradient = vec![0.0; self.dim * WIDTH];
        let panel = self.dim * WIDTH;
        for (at, errors) in errors.chunks_exact(rows * WIDTH).enumerate() {
            let params = linear::Params {
                inputs: rows,
                outputs: WIDTH,
                half: false,
            };
            let errors_panel = Panels::F32(errors);
            linear::cpu(
                self.level,
                &params,
                &batch.transposed,
                errors_panel,
                &zeros,
                Epilogue::Store,
                &mut [],
                &mut gradient,
            );
            let weights = &mut self.weights[at * panel..(at + 1) * panel];
            let speeds = &mut self.weight_speed[at * panel..(at + 1) * panel];
            advance(weights, speeds, &gradient, step);
            let mut sums = [0.0; WIDTH];
            for row in errors.chunks_exact(WIDTH) {
                for (sum, error) in sums.iter_mut().zip(row) {
                    *sum += error;
                }
            }
            let lanes = at * WIDTH..(at + 1) * WIDTH;
            let step = Step { decay: 0.0, ..step };
            let (bias, speed) = (&mut self.bias[lanes.clone()], &mut self.bias_speed[lanes]);
            advance(bias, speed, &sums, step);
        }
    }

    /// Logits `[rows, classes]` of `values` `[rows, dim]`.
    pub(crate) fn logits(&self, values: &[f32]) -> Vec<f32> {
        let rows = values.len() / self.dim;
        let panels = self.outputs(values);
        let at =
            |row: usize, class: usize| panels[(class / WIDTH * rows + row) * WIDTH + class % WIDTH];
        (0..rows)
            .flat_map(|row| (0..self.classes).map(move |class| (row, class)))
            .map(|(row, class)| at(row, class))
            .collect()
    }

    /// Logits in panels, `[ceil(classes / 16)][rows][16]`.
    fn outputs(&self, values: &[f32]) -> Vec<f32> {
        let rows = values.len() / self.dim;
        let mut out = vec![0.0; rows * self.bias.len()];
        let params = linear::Params {
            inputs: self.dim,
            outputs: WIDTH,
            half: false,
        };
        let panels = self.weights.chunks_exact(self.dim * WIDTH);
        let biases = self.bias.chunks_exact(WIDTH);
        for ((weights, bias), out) in panels.zip(biases).zip(out.chunks_exact_mut(rows * WIDTH)) {
            let (weights, store) = (Panels::F32(weights), Epilogue::Store);
            linear::cpu(
                self.level,
                &params,
                values,
                weights,
                bias,
                store,
                &mut [],
                out,
            );
        }
        out
    }

    /// Turns logits into the slopes of the mean cross-entropy, `(softmax - target) / rows`. Lanes
    /// beyond the last class get none.
    fn outputs_to_errors(&self, panels: &mut [f32], labels: &[u32]) {
        let rows = labels.len();
        let at = |row: usize, class: usize| (class / WIDTH * rows + row) * WIDTH + class % WIDTH;
        let padded = self.bias.len();
        for (row, &label) in labels.iter().enumerate() {
            let logits = (0..self.classes).map(|class| panels[at(row, class)]);
            let top = logits.fold(f32::MIN, f32::max);
            let mut total = 0.0;
            for class in 0..self.classes {
                let value = &mut panels[at(row, class)];
                *value = (*value - top).exp();
                total += *value;
            }
            let scale = 1.0 / (total * rows as f32);
            for class in 0..padded {
                let value = &mut panels[at(row, class)];
                *value = if class < self.classes {
                    *value * scale
                } else {
                    0.0
                };
            }
            panels[at(row, label as usize)] -= 1.0 / rows as f32;
        }
    }
}

/// `speed = 0.9 speed + slope + decay * weight`, then `weight -= rate * speed`, as torch's SGD.
fn advance(weights: &mut [f32], speeds: &mut [f32], slopes: &[f32], step: Step) {
    for ((weight, speed), slope) in weights.iter_mut().zip(speeds).zip(slopes) {
        *speed = MOMENTUM * *speed + (slope + step.decay * *weight);
        *weight -= step.rate * *speed;
    }
}

/// Mean cross-entropy, nats, of `logits` `[rows, classes]`.
pub(crate) fn cross_entropy(logits: &[f32], labels: &[u32], classes: usize) -> f64 {
    let rows = logits.chunks_exact(classes).zip(labels);
    let total: f64 = rows
        .map(|(logits, &label)| {
            let top = logits.iter().copied().fold(f32::MIN, f32::max);
            let sum: f64 = logits.iter().map(|&l| f64::from(l - top).exp()).sum();
            sum.ln() - f64::from(logits[label as usize] - top)
        })
        .sum();
    total / labels.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn features(rows: usize, dim: usize, classes: usize) -> FeatureSet {
        let mut random = Stream::new(&[rows as u64, dim as u64]);
        FeatureSet {
            values: (0..rows * dim).map(|_| random.normal()).collect(),
            labels: (0..rows).map(|row| (row % classes) as u32).collect(),
            dim,
        }
    }

    /// One step by the textbook's formulas, in f64: `[classes][dim + 1]`, the last the bias.
    fn step(weights: &mut [Vec<f64>], speeds: &mut [Vec<f64>], set: &FeatureSet, by: Step) {
        let dim = set.dim;
        let mut slopes = vec![vec![0.0; dim + 1]; weights.len()];
        for row in 0..set.len() {
            let x: Vec<f64> = set.row(row).iter().map(|&v| f64::from(v)).collect();
            let logit = |w: &Vec<f64>| w[dim] + (0..dim).map(|d| w[d] * x[d]).sum::<f64>();
            let exps: Vec<f64> = weights.iter().map(|w| logit(w).exp()).collect();
            let total: f64 = exps.iter().sum();
            for (class, slopes) in slopes.iter_mut().enumerate() {
                let target = f64::from(u8::from(set.labels[row] as usize == class));
                let error = (exps[class] / total - target) / set.len() as f64;
                (0..dim).for_each(|d| slopes[d] += error * x[d]);
                slopes[dim] += error;
            }
        }
        for ((weights, speeds), slopes) in weights.iter_mut().zip(speeds).zip(&slopes) {
            for at in 0..=dim {
                let decay = if at < dim { f64::from(by.decay) } else { 0.0 };
                speeds[at] = 0.9 * speeds[at] + slopes[at] + decay * weights[at];
                weights[at] -= f64::from(by.rate) * speeds[at];
            }
        }
    }

    #[test]
    fn steps_are_the_textbooks() {
        for (rows, dim, classes) in [(1, 1, 2), (3, 5, 3), (65, 17, 16), (130, 8, 33)] {
            let set = features(rows, dim, classes);
            let all: Vec<usize> = (0..rows).collect();
            let batch = Minibatch::new(&set, &all);
            let mut weights = vec![vec![0.0; dim + 1]; classes];
            let mut speeds = weights.clone();
            let mut ours = Classifier::new(dim, classes, Level::detect());
            let by = Step {
                rate: 0.5,
                decay: 0.01,
            };
            for _ in 0..5 {
                ours.learn(&batch, by);
                step(&mut weights, &mut speeds, &set, by);
            }
            let logits = ours.logits(&set.values);
            for row in 0..rows {
                for (class, weights) in weights.iter().enumerate() {
                    let x = set.row(row).iter().zip(weights);
                    let expected = weights[dim] + x.map(|(x, w)| f64::from(*x) * w).sum::<f64>();
                    let found = f64::from(logits[row * classes + class]);
                    assert!((found - expected).abs() < 1e-4, "{rows} {dim} {classes}");
                }
            }
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let set = features(70, 19, 7);
        let rows: Vec<usize> = (0..70).rev().collect();
        let batch = Minibatch::new(&set, &rows);
        let learnt = |level| {
            let mut classifier = Classifier::new(19, 7, level);
            for _ in 0..3 {
                let step = Step {
                    rate: 0.1,
                    decay: 1e-4,
                };
                classifier.learn(&batch, step);
            }
            classifier.logits(&set.values)
        };
        let fused = Level::available().filter(|level| level.fuses());
        let results: Vec<_> = fused.map(learnt).collect();
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
    }

    #[test]
    fn cross_entropy_is_that_of_the_softmax() {
        let expected = (1.0 + (-1.0f64).exp()).ln();
        assert!((cross_entropy(&[3.0, 2.0], &[0], 2) - expected).abs() < 1e-12);
        assert!((cross_entropy(&[1e4, 0.0], &[0], 2)).abs() < 1e-12);
    }
}
