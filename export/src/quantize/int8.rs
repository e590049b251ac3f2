//! Matrices to signed bytes with one scale per row, clipped where that costs least.

use super::feedback::{self, Grid};
use super::inputs::Inputs;
use rayon::prelude::*;

/// The largest byte: the range is symmetric, so that a negated weight is a negated byte.
const LARGEST: f32 = 127.0;

/// Shares of a row's largest magnitude that its scale may stand for. Cutting off the largest weights
/// makes the steps of all others finer.
const CLIPS: [f32; 8] = [1.0, 0.96, 0.92, 0.88, 0.84, 0.8, 0.75, 0.7];

/// Inputs beyond which bytes are rounded to nearest: factoring their covariance would take longer
/// than the rest of an export, and an eighth of the error is gained.
pub(super) const MOST_FEEDBACK_INPUTS: usize = 2048;

/// A quantised matrix: value `[row][column]` stands for `value * scales[row]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Int8Matrix {
    /// `[rows, columns]`.
    pub(super) values: Vec<i8>,
    /// `[rows]`.
    pub(super) scales: Vec<f32>,
}

impl Int8Matrix {
    /// What the bytes stand for, `[rows, columns]`.
    pub(super) fn dequantized(&self) -> Vec<f32> {
        let columns = self.values.len() / self.scales.len();
        let rows = self.values.chunks_exact(columns).zip(&self.scales);
        rows.flat_map(|(row, &scale)| row.iter().map(move |&value| f32::from(value) * scale))
            .collect()
    }
}

/// The bytes of rows of so many columns, with one scale each.
pub(super) fn grid(columns: usize) -> Grid {
    Grid {
        low: -LARGEST,
        high: LARGEST,
        group: columns,
    }
}

/// Quantises a row-major matrix for inputs like these, with error feedback where their covariance
/// is known.
pub(super) fn quantize(matrix: &[f32], inputs: &Inputs) -> Int8Matrix {
    let columns = inputs.mean.len();
    let grid = grid(columns);
    let rows = matrix.par_chunks_exact(columns);
    let scales: Vec<f32> = rows
        .map(|row| best_scale(row, &inputs.variance, &grid))
        .collect();
    let values = feedback::round_for(matrix, &scales, &grid, inputs);
    Int8Matrix { values, scales }
}

/// The bytes of a matrix whose columns all matter the same, and a scale for each row.
pub(crate) fn bytes_of_rows(matrix: &[f32], columns: usize) -> (Vec<i8>, Vec<f32>) {
    let inputs = Inputs {
        mean: vec![0.0; columns],
        variance: vec![1.0; columns],
        covariance: None,
    };
    let Int8Matrix { values, scales } = quantize(matrix, &inputs);
    (values, scales)
}

/// The scale with the smallest squared error weighted by the variance of what weights are multiplied
/// with; of equal ones that which clips least.
fn best_scale(row: &[f32], variance: &[f32], grid: &Grid) -> f32 {
    let largest = row.iter().fold(0.0_f32, |largest, w| largest.max(w.abs()));
    let mut best = (f32::INFINITY, 0.0);
    for clip in CLIPS {
        let scale = largest * clip / LARGEST;
        let error = error(row, variance, scale, grid);
        if error < best.0 {
            best = (error, scale);
        }
    }
    best.1
}

fn error(row: &[f32], variance: &[f32], scale: f32, grid: &Grid) -> f32 {
    let errors = row.iter().zip(variance).map(|(&weight, &variance)| {
        let error = weight - grid.round(weight, scale).1;
        error * error * variance
    });
    errors.sum()
}

#[cfg(test)]
mod tests {
    use super::{Inputs, grid, quantize};
    use proptest::prelude::*;

    /// Inputs of this variance that do not vary together.
    fn inputs(variance: Vec<f32>) -> Inputs {
        Inputs {
            mean: vec![0.0; variance.len()],
            variance,
            covariance: None,
        }
    }

    proptest! {
        #[test]
        fn a_weight_is_half_a_step_from_its_byte_or_clipped(
            columns in 1_usize..9,
            row in proptest::collection::vec(-1e3_f32..1e3, 8),
            exponent in -20_i32..20,
        ) {
            let row: Vec<f32> = row[..columns].iter().map(|w| w * 2_f32.powi(exponent)).collect();
            let quantized = quantize(&row, &inputs(vec![1.0; columns]));
            let scale = quantized.scales[0];
            for (&weight, (&value, back)) in
                row.iter().zip(quantized.values.iter().zip(quantized.dequantized()))
            {
                let bound = scale / 2.0 * (1.0 + 1e-5);
                let clipped = value.abs() == 127 && weight.abs() > 127.0 * scale;
                prop_assert!(clipped || (weight - back).abs() <= bound, "{weight} {back} {scale}");
                prop_assert!(value > -128);
            }
            // Clipping must never cost more than it saves.
            let plain = row.iter().fold(0.0_f32, |m, w| m.max(w.abs())) / 127.0;
            prop_assert!(super::error(&row, &vec![1.0; columns], scale, &grid(columns))
                <= super::error(&row, &vec![1.0; columns], plain, &grid(columns)));
        }
    }

    #[test]
    fn rows_of_zeros_and_of_the_smallest_numbers_become_zeros() {
        let quantized = quantize(&[0.0, 0.0, 1e-45, -1e-45], &inputs(vec![1.0; 2]));
        assert_eq!(quantized.values, [0; 4]);
        assert!(quantized.scales.iter().all(|scale| scale.is_finite()));
    }

    #[test]
    fn an_unimportant_outlier_is_clipped_and_an_important_one_is_not() {
        let row: Vec<f32> = (0..64)
            .map(|k| if k == 0 { 2.0 } else { 0.9 + 0.001 * k as f32 })
            .collect();
        let mut importance = vec![1.0; 64];
        importance[0] = 1e-6;
        let clipped = quantize(&row, &inputs(importance.clone())).scales[0];
        importance[0] = 1e6;
        let kept = quantize(&row, &inputs(importance.clone())).scales[0];
        assert!(clipped < 0.8 * kept);
        assert_eq!(kept, 2.0 / 127.0);
    }
}
