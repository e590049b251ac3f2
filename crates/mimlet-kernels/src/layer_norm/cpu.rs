//! Layer norm in three passes over a row that stays in cache.

use super::Params;
use crate::lanes;
use crate::math::sqrt;
use crate::simd::Level;

/// Writes the layer norm of each row of `x` to `y`, both `[rows, dim]`; `weight` and `bias` are
/// `[dim]`.
pub fn cpu(level: Level, params: &Params, x: &[f32], weight: &[f32], bias: &[f32], y: &mut [f32]) {
    level.vectorize(
        #[inline(always)]
        || {
            for (x, y) in x
                .chunks_exact(params.dim)
                .zip(y.chunks_exact_mut(params.dim))
            {
                row(params, x, weight, bias, y);
            }
        },
    );
}

#[inline(always)]
fn row(params: &Params, x: &[f32], weight: &[f32], bias: &[f32], y: &mut [f32]) {
    let n = params.dim as f32;
    let mean = lanes::sum(x, |v| v) / n;
    let variance = lanes::sum(x, |v| (v - mean) * (v - mean)) / n;
    let inverse = 1.0 / sqrt(variance + params.eps);
    for (((y, &x), &weight), &bias) in y.iter_mut().zip(x).zip(weight).zip(bias) {
        *y = (x - mean) * inverse * weight + bias;
    }
}
