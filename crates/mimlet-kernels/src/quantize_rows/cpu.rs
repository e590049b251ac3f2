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
                let (row, affine) = row.split_at_mut(words - 2);
                let high = lanes::max(f32::NEG_INFINITY, x, |x| x);
                let low = -lanes::max(f32::NEG_INFINITY, x, |x| -x);
                let middle = low * 0.5 + high * 0.5;
                let (above, below) = (high - middle, middle - low);
                let half = if above > below { above } else { below };
                // Equal values, or so near that the quotient overflows, are their middle.
                let steps = 127.0 / half;
                let steps = if steps.is_finite() { steps } else { 0.0 };
                quantize(x, middle, steps, bytemuck::cast_slice_mut(row));
                let scale = if steps == 0.0 { 0.0 } else { half / 127.0 };
                affine.copy_from_slice(&[scale.to_bits(), middle.to_bits()]);
            }
        },
    );
}

#[inline(always)]
fn quantize(x: &[f32], middle: f32, steps: f32, bytes: &mut [i8]) {
    let (bytes, padding) = bytes.split_at_mut(x.len());
    for (byte, &value) in bytes.iter_mut().zip(x) {
        *byte = round_ties_even(clamp((value - middle) * steps, -127.0, 127.0)) as i32 as i8;
    }
    padding.fill(0);
}
