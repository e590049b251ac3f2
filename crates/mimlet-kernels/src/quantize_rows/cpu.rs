//! Quantisation in two passes over a row that stays in cache.

use super::{Params, row_words};
use crate::lanes;
use crate::math::{clamp, round_ties_even, whole};
use crate::simd::Level;

/// Rows whose ranges are found before the first of them is quantised: one row need not wait for another's,
/// and they are in cache still.
const ROWS: usize = 4;

/// Writes the quantised rows `[rows, row_words]` of `x` `[rows, dim]`.
pub fn cpu(level: Level, params: &Params, x: &[f32], quantized: &mut [u32]) {
    let words = row_words(params.dim);
    level.vectorize(
        #[inline(always)]
        || {
            let few = x.chunks(ROWS * params.dim);
            for (x, rows) in few.zip(quantized.chunks_mut(ROWS * words)) {
                let mut grids = [Grid::default(); ROWS];
                for (x, grid) in x.chunks_exact(params.dim).zip(&mut grids) {
                    *grid = Grid::of(lanes::range(x));
                }
                let rows = rows.chunks_exact_mut(words).zip(&grids);
                for (x, (row, grid)) in x.chunks_exact(params.dim).zip(rows) {
                    let (row, affine) = row.split_at_mut(words - 2);
                    quantize(x, grid, bytemuck::cast_slice_mut(row));
                    affine
                        .copy_from_slice(&[grid.scale.to_bits(), grid.zero_point.cast_unsigned()]);
                }
            }
        },
    );
}

/// How a row is quantised.
#[derive(Clone, Copy, Default)]
struct Grid {
    /// Steps in one.
    steps: f32,
    scale: f32,
    zero_point: i32,
}

impl Grid {
    /// Of a row whose smallest and largest values, and zero, are those.
    #[inline(always)]
    fn of((low, high): (f32, f32)) -> Self {
        let half = high * 0.5 - low * 0.5;
        // Zeros, or values so small that the quotient overflows, are zero.
        let steps = 127.0 / half;
        let steps = if steps.is_finite() { steps } else { 0.0 };
        Self {
            steps,
            scale: if steps == 0.0 { 0.0 } else { half / 127.0 },
            // Of a row with an infinity the product is NaN, and the zero point zero, as the scale is.
            zero_point: round_ties_even((low * 0.5 + high * 0.5) * steps) as i32,
        }
    }
}

/// Writes values in steps from the zero point. They are clamped before they are rounded, as it is to whole
/// numbers: then the sum that rounds them holds their bytes already.
#[inline(always)]
fn quantize(x: &[f32], grid: &Grid, bytes: &mut [i8]) {
    let (bytes, padding) = bytes.split_at_mut(x.len());
    let zero_point = grid.zero_point as f32;
    let (least, most) = (zero_point - 127.0, zero_point + 127.0);
    for (byte, &value) in bytes.iter_mut().zip(x) {
        let steps = whole(clamp(value * grid.steps, least, most));
        *byte = steps.wrapping_sub(grid.zero_point) as i8;
    }
    padding.fill(0);
}
