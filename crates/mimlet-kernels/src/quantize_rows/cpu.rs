//! Quantisation in two passes over a row that stays in cache.

use super::{Params, row_words};
use crate::lanes;
use crate::math::{clamp, round_ties_even};
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
                let (row, scale) = row.split_at_mut(words - 1);
                let largest = lanes::max(0.0, x, f32::abs);
                // A row of zeros, or one so small that the quotient overflows, becomes zeros.
                let steps = 127.0 / largest;
                let steps = if steps.is_finite() { steps } else { 0.0 };
                quantize(x, steps, bytemuck::cast_slice_mut(row));
                scale[0] = if steps == 0.0 {
                    0
                } else {
                    (largest / 127.0).to_bits()
                };
            }
        },
    );
}

#[inline(always)]
fn quantize(x: &[f32], steps: f32, bytes: &mut [i8]) {
    let (bytes, padding) = bytes.split_at_mut(x.len());
    for (byte, &value) in bytes.iter_mut().zip(x) {
        *byte = round_ties_even(clamp(value * steps, -127.0, 127.0)) as i32 as i8;
    }
    padding.fill(0);
}
