//! Linear layer as a product with panels, starting from the bias.

use super::Params;
use crate::panel::{Panels, Rows, multiply_add};
use crate::simd::Level;

/// Writes `x W^T + b`: `x` is `[rows, inputs]`, `weight` `Panel16 [outputs, inputs]`, `bias`
/// `[outputs]`, `y` `[rows, outputs]`.
pub fn cpu(
    level: Level,
    params: &Params,
    x: &[f32],
    weight: Panels<'_>,
    bias: &[f32],
    y: &mut [f32],
) {
    let rows = y.len() / params.outputs;
    for y in y.chunks_exact_mut(params.outputs) {
        y.copy_from_slice(bias);
    }
    let x = Rows {
        values: x,
        stride: params.inputs,
    };
    let shape = [rows, params.inputs, params.outputs];
    level.vectorize(
        #[inline(always)]
        || multiply_add(x, weight, shape, y, params.outputs),
    );
}
