//! Matrices to signed bytes with one scale per row, clipped where that costs least.

use rayon::prelude::*;

/// The largest byte: the range is symmetric, so that a negated weight is a negated byte.
const LARGEST: f32 = 127.0;

/// Shares of a row's largest magnitude that its scale may stand for. Cutting off the largest weights
/// makes the steps of all others finer.
const CLIPS: [f32; 8] = [1.0, 0.96, 0.92, 0.88, 0.84, 0.8, 0.75, 0.7];

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

/// Quantises a row-major matrix. `importance`, one per column, weighs the squared error of a
/// column's weights: the mean square of what they are multiplied with.
pub(super) fn quantize(matrix: &[f32], importance: &[f32]) -> Int8Matrix {
    let columns = importance.len();
    let mut values = vec![0; matrix.len()];
    let scales = matrix
        .par_chunks_exact(columns)
        .zip(values.par_chunks_exact_mut(columns))
        .map(|(row, values)| {
            let scale = best_scale(row, importance);
            let steps = steps_of(scale);
            for (value, &weight) in values.iter_mut().zip(row) {
                *value = byte(weight, steps) as i8;
            }
            scale
        })
        .collect();
    Int8Matrix { values, scales }
}

/// The scale with the smallest weighted squared error; of equal ones that which clips least.
fn best_scale(row: &[f32], importance: &[f32]) -> f32 {
    let largest = row.iter().fold(0.0_f32, |largest, w| largest.max(w.abs()));
    let mut best = (f32::INFINITY, 0.0);
    for clip in CLIPS {
        let scale = largest * clip / LARGEST;
        let error = error(row, importance, scale);
        if error < best.0 {
            best = (error, scale);
        }
    }
    best.1
}

fn error(row: &[f32], importance: &[f32], scale: f32) -> f32 {
    let steps = steps_of(scale);
    let errors = row.iter().zip(importance).map(|(&weight, &importance)| {
        let error = weight - byte(weight, steps) * scale;
        error * error * importance
    });
    errors.sum()
}

/// Steps per unit. A row of zeros, or one so small that its scale has no reciprocal, gets none and
/// becomes zeros.
fn steps_of(scale: f32) -> f32 {
    let steps = 1.0 / scale;
    if steps.is_finite() { steps } else { 0.0 }
}

fn byte(weight: f32, steps: f32) -> f32 {
    (weight * steps).round_ties_even().clamp(-LARGEST, LARGEST)
}

#[cfg(test)]
mod tests {
    use super::quantize;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_weight_is_half_a_step_from_its_byte_or_clipped(
            columns in 1_usize..9,
            row in proptest::collection::vec(-1e3_f32..1e3, 8),
            exponent in -20_i32..20,
        ) {
            let row: Vec<f32> = row[..columns].iter().map(|w| w * 2_f32.powi(exponent)).collect();
            let quantized = quantize(&row, &vec![1.0; columns]);
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
            prop_assert!(super::error(&row, &vec![1.0; columns], scale)
                <= super::error(&row, &vec![1.0; columns], plain));
        }
    }

    #[test]
    fn rows_of_zeros_and_of_the_smallest_numbers_become_zeros() {
        let quantized = quantize(&[0.0, 0.0, 1e-45, -1e-45], &[1.0, 1.0]);
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
        let clipped = quantize(&row, &importance).scales[0];
        importance[0] = 1e6;
        let kept = quantize(&row, &importance).scales[0];
        assert!(clipped < 0.8 * kept);
        assert_eq!(kept, 2.0 / 127.0);
    }
}
