//! Quantised linear layer as exact tiles, scaled once.

use super::Params;
use crate::panel::WIDTH;
use crate::simd::{Level, Q8Rows, q8_rows, q8_weight_sums};

/// Writes the layer's outputs `[rows, outputs]`: `x` holds quantised rows, `weight` is `Panel16x4
/// [outputs, inputs]`, `scale` and `bias` are `[outputs]`.
pub fn cpu(
    level: Level,
    params: &Params,
    x: &[u32],
    weight: &[i8],
    [scale, bias]: [&[f32]; 2],
    y: &mut [f32],
) {
    let x = Q8Rows::new(x, params.row_words());
    let panel_len = params.inputs.div_ceil(4) * 4 * WIDTH;
    level.vectorize(
        #[inline(always)]
        || {
            for (index, panel) in weight.chunks_exact(panel_len).enumerate() {
                let first = index * WIDTH;
                let columns = WIDTH.min(params.outputs - first);
                let (scale, bias) = (&scale[first..][..columns], &bias[first..][..columns]);
                let weights = q8_weight_sums(level, panel);
                q8_rows(level, &x, panel, |row, sums| {
                    let (row_scale, zero_point) = (x.scale(row), x.zero_point(row));
                    let y = &mut y[row * params.outputs + first..][..columns];
                    let sums = sums.into_iter().zip(weights);
                    for (((y, (sum, weights)), scale), bias) in
                        y.iter_mut().zip(sums).zip(scale).zip(bias)
                    {
                        let sum = sum + weights * zero_point;
                        *y = sum as f32 * row_scale * scale + bias;
                    }
                });
            }
        },
    );
}
