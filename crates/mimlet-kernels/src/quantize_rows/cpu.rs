//! Quantisation in two passes over a row that stays in cache.

use super::{Params, row_words};
use crate::lanes;
use crate::math::{clamp, round_ties_even, whole};
use crate::simd::Level;

/// Writes the quantised rows `[rows, row_words]` of `x` `[rows, dim]`.
pub fn cpu(level: Level, params: &Params, x: &[f32], quantized: &mut [u32]) {
    let words = row_words(params.dim);
    level.vectorize(
        #[inline(always)]
        || {
            for (x, row) in x
                .chunks_exact(params.dim)
                .zip(quantized.chunks_exact_mut(words))
            {
                let (row, affine) = row.split_at_mut(words - 2);
                let (low, high) = lanes::range(x);
                let half = high * 0.5 - low * 0.5;
                // Zeros, or values so small that the quotient overflows, are zero.
                let steps = 127.0 / half;
                let steps = if steps.is_finite() { steps } else { 0.0 };
                let zero_point = round_ties_even((low * 0.5 + high * 0.5) * steps);
                quantize(x, zero_point, steps, bytemuck::cast_slice_mut(row));
                let scale = if steps == 0.0 { 0.0 } else { half / 127.0 };
                affine.copy_from_slice(&[scale.to_bits(), (zero_point as i32).cast_unsigned()]);
            }
        },
    );
}

#[inline(always)]
fn quantize(x: &[f32], zero_point: f32, steps: f32, bytes: &mut [i8]) {
    let (bytes, padding) = bytes.split_at_mut(x.len());
    for (byte, &value) in bytes.iter_mut().zip(x) {
        *byte = whole(clamp(
            round_ties_even(value * steps) - zero_point,
            -127.0,
            127.0,
        )) as i8;
    }
    padding.fill(0);
}
