//! Layer norm in three passes over a row that stays in cache.

use super::Params;
use crate::lanes;
use crate::math::sqrt;
use crate::simd::Level;

/// Rows that are taken together: one row's sums need not wait for another's, and they are in cache still.
const ROWS: usize = 8;

/// Writes the layer norm of each row of `x` to `y`, both `[rows, dim]`; `weight` and `bias` are
/// `[dim]`.
pub fn cpu(level: Level, params: &Params, x: &[f32], weight: &[f32], bias: &[f32], y: &mut [f32]) {
    let few = ROWS * params.dim;
    level.vectorize(
        #[inline(always)]
        || {
            for (x, y) in x.chunks(few).zip(y.chunks_mut(few)) {
                rows(params, x, weight, bias, y);
            }
        },
    );
}

#[inline(always)]
fn rows(params: &Params, x: &[f32], weight: &[f32], bias: &[f32], y: &mut [f32]) {
    let n = params.dim as f32;
    let [mut means, mut inverses] = [[0.0; ROWS]; 2];
    let rows = x.chunks_exact(params.dim);
    for (x, mean) in rows.clone().zip(&mut means) {
        *mean = lanes::sum(x, |v| v) / n;
    }
    for ((x, &mean), inverse) in rows.clone().zip(&means).zip(&mut inverses) {
        let variance = lanes::sum(x, |v| (v - mean) * (v - mean)) / n;
        *inverse = 1.0 / sqrt(variance + params.eps);
    }
    let numbers = means.iter().zip(&inverses);
    let rows = rows.zip(y.chunks_exact_mut(params.dim)).zip(numbers);
    for ((x, y), (mean, inverse)) in rows {
        for (((y, &x), &weight), &bias) in y.iter_mut().zip(x).zip(weight).zip(bias) {
            *y = (x - mean) * inverse * weight + bias;
        }
    }
}
