//! Matrices to 4-bit integers with one f16 scale per row and group of columns, rounded to nearest.

use half::f16;
use rayon::prelude::*;

/// Columns that share a scale.
pub(super) const GROUP: usize = 32;

/// A quantised matrix: value `[row][column]` stands for `value * scales[row][column / GROUP]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Int4Matrix {
    /// `[rows, columns]`, -8 to 7.
    pub(super) values: Vec<i8>,
    /// `[rows, groups]`.
    pub(super) scales: Vec<f16>,
    /// Columns.
    pub(super) columns: usize,
}

impl Int4Matrix {
    /// What the integers stand for, `[rows, columns]`.
    pub(super) fn dequantized(&self) -> Vec<f32> {
        let rows = self.values.chunks_exact(self.columns);
        let scales = self.scales.chunks_exact(self.columns.div_ceil(GROUP));
        let row = |(values, scales): (&[i8], &[f16])| -> Vec<f32> {
            let groups = values.chunks(GROUP).zip(scales);
            let value = |(values, scale): (&[i8], &f16)| -> Vec<f32> {
                let scale = scale.to_f32();
                values
                    .iter()
                    .map(|&value| f32::from(value) * scale)
                    .collect()
            };
            groups.flat_map(value).collect()
        };
        rows.zip(scales).flat_map(row).collect()
    }
}

/// Quantises a row-major matrix of `columns`.
pub(super) fn quantize(matrix: &[f32], columns: usize) -> Int4Matrix {
    let mut values = vec![0; matrix.len()];
    let row = |(row, values): (&[f32], &mut [i8])| -> Vec<f16> {
        let groups = row.chunks(GROUP).zip(values.chunks_mut(GROUP));
        groups.map(|(group, values)| round(group, values)).collect()
    };
    let rows = matrix.par_chunks_exact(columns);
    let scales = rows
        .zip(values.par_chunks_exact_mut(columns))
        .flat_map_iter(row);
    let scales = scales.collect();
    Int4Matrix {
        values,
        scales,
        columns,
    }
}

/// Rounds a group to its integers and gives its scale: that which puts the largest magnitude between
/// the ends of the range, 7 and -8.
fn round(group: &[f32], values: &mut [i8]) -> f16 {
    let largest = group
        .iter()
        .fold(0.0_f32, |largest, w| largest.max(w.abs()));
    let scale = f16::from_f32(largest / 7.5);
    let steps = 1.0 / scale.to_f32();
    let steps = if steps.is_finite() { steps } else { 0.0 };
    for (value, &weight) in values.iter_mut().zip(group) {
        *value = (weight * steps).round_ties_even().clamp(-8.0, 7.0) as i8;
    }
    scale
}
