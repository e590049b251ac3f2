//! Matrices to 4-bit integers with one scale per row and group of columns.

use super::feedback::{self, Grid};
use super::inputs::Inputs;
use half::f16;
use rayon::prelude::*;

/// Shares of a group's largest magnitude that seven steps of its scale may stand for: from half of
/// it, clipped, to a little more, so that the eighth step below zero is of use.
const SHARES: [f32; 14] = [
    0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.84, 0.88, 0.92, 0.96, 1.0, 1.04, 1.08,
];

/// Steps above zero.
const LARGEST: f32 = 7.0;

/// A quantised matrix: value `[row][column]` stands for `value * scales[row][column / group]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Int4Matrix {
    /// `[rows, columns]`, each -8 to 7.
    pub(super) values: Vec<i8>,
    /// `[rows, groups]`: bits of f16.
    pub(super) scales: Vec<u16>,
    /// Columns that share a scale; the last group may be short.
    pub(super) group: usize,
}

impl Int4Matrix {
    /// What the integers stand for, `[rows, columns]`.
    pub(super) fn dequantized(&self, columns: usize) -> Vec<f32> {
        let groups = columns.div_ceil(self.group);
        let rows = self.values.chunks_exact(columns);
        rows.zip(self.scales.chunks_exact(groups))
            .flat_map(|(row, scales)| {
                let value = move |(k, &value): (usize, &i8)| {
                    f32::from(value) * f16::from_bits(scales[k / self.group]).to_f32()
                };
                row.iter().enumerate().map(value)
            })
            .collect()
    }
}

/// The integers, with a scale for each group of so many columns.
pub(super) fn grid(group: usize) -> Grid {
    Grid {
        low: -LARGEST - 1.0,
        high: LARGEST,
        group,
    }
}

/// Quantises a row-major matrix for inputs like these, with error feedback where their covariance
/// is known.
pub(super) fn quantize(matrix: &[f32], inputs: &Inputs, group: usize) -> Int4Matrix {
    let columns = inputs.mean.len();
    let grid = grid(group);
    let scales: Vec<f32> = matrix
        .par_chunks_exact(columns)
        .flat_map_iter(|row| {
            let groups = row.chunks(group).zip(inputs.variance.chunks(group));
            groups.map(|(weights, importance)| best_scale(weights, importance, &grid))
        })
        .collect();
    let values = feedback::round_for(matrix, &scales, &grid, inputs);
    Int4Matrix {
        values,
        scales: scales.iter().map(|&s| f16::from_f32(s).to_bits()).collect(),
        group,
    }
}

/// The scale, a number that f16 holds, with the smallest weighted squared error; of equal ones that
/// nearest to the whole range.
fn best_scale(weights: &[f32], importance: &[f32], grid: &Grid) -> f32 {
    let largest = weights.iter().fold(0.0_f32, |m, w| m.max(w.abs()));
    let plain = f16_scale(largest / LARGEST);
    let mut best = (error(weights, importance, plain, grid), plain);
    for share in SHARES {
        let scale = f16_scale(largest * share / LARGEST);
        let error = error(weights, importance, scale, grid);
        if error < best.0 {
            best = (error, scale);
        }
    }
    best.1
}

/// The nearest number that f16 holds, finite: a larger weight is clipped.
fn f16_scale(scale: f32) -> f32 {
    f16::from_f32(scale.min(f16::MAX.to_f32())).to_f32()
}

fn error(weights: &[f32], importance: &[f32], scale: f32, grid: &Grid) -> f64 {
    let errors = weights
        .iter()
        .zip(importance)
        .map(|(&weight, &importance)| {
            let error = f64::from(weight - grid.round(weight, scale).1);
            error * error * f64::from(importance)
        });
    errors.sum()
}

#[cfg(test)]
mod tests {
    use super::{Inputs, best_scale, error, f16_scale, grid, quantize};
    use crate::random::Random;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_chosen_scale_is_never_worse_than_the_whole_range(
            weights in proptest::collection::vec(-1e3_f32..1e3, 1..33),
            importance in proptest::collection::vec(0.0_f32..10.0, 33),
            exponent in -30_i32..20,
        ) {
            let weights: Vec<f32> = weights.iter().map(|w| w * 2_f32.powi(exponent)).collect();
            let largest = weights.iter().fold(0.0_f32, |m, w| m.max(w.abs()));
            let chosen = best_scale(&weights, &importance, &grid(32));
            let plain = f16_scale(largest / 7.0);
            prop_assert!(chosen.is_finite() && chosen >= 0.0);
            prop_assert!(error(&weights, &importance, chosen, &grid(32))
                <= error(&weights, &importance, plain, &grid(32)));
        }
    }

    #[test]
    fn rows_of_zeros_and_of_the_smallest_numbers_become_zeros() {
        let inputs = Inputs::of(&[1.0, -1.0, 2.0, 0.5], 2, true);
        let quantized = quantize(&[0.0, 0.0, 1e-45, -1e-45], &inputs, 32);
        assert_eq!(quantized.dequantized(2), [0.0; 4]);
    }

    #[test]
    fn a_short_last_group_has_a_scale_of_its_own() {
        let mut random = Random::named(1, "rows");
        let columns = 70;
        let rows: Vec<f32> = (0..40 * columns).map(|_| random.normal(1.0)).collect();
        let mut weight: Vec<f32> = (0..3 * columns).map(|_| random.normal(1.0)).collect();
        for row in weight.chunks_exact_mut(columns) {
            row[64..].iter_mut().for_each(|w| *w *= 100.0);
        }
        for group in [32, 64] {
            let inputs = Inputs::of(&rows, columns, false);
            let quantized = quantize(&weight, &inputs, group);
            assert_eq!(quantized.scales.len(), 3 * columns.div_ceil(group));
            let back = quantized.dequantized(columns);
            for (row, back) in weight.chunks_exact(columns).zip(back.chunks_exact(columns)) {
                let noise = |range: std::ops::Range<usize>| -> f32 {
                    range.map(|k| (row[k] - back[k]).powi(2)).sum()
                };
                let power: f32 = row[..64].iter().map(|w| w * w).sum();
                assert!(noise(0..64) < 0.1 * power, "{}", noise(0..64));
            }
        }
    }
}
