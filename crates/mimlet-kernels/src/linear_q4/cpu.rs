//! Linear layer on 4-bit weights: each panel's halves become bytes once for all rows, a chunk of
//! columns at a time, and meet the rows in tiles.

use super::Params;
use crate::math::f16_to_f32;
use crate::panel::{WIDTH, len16x8};
use crate::simd::{CHUNK, Level, Q4Chunk, Q8Rows, q4_rows, q4_weight_sums};

/// Writes the layer's outputs `[rows, outputs]`: `x` holds quantised rows, `weight` is `Panel16x8
/// [outputs, inputs]`, `scales` the bits of f16 `Panel16 [outputs, groups]`, `bias` `[outputs]`.
pub fn cpu(
    level: Level,
    params: &Params,
    x: &[u32],
    weight: &[u8],
    scales: &[u16],
    bias: &[f32],
    y: &mut [f32],
) {
    let x = Q8Rows::new(x, params.row_words());
    let panel_len = len16x8(WIDTH, params.inputs);
    level.vectorize(
        #[inline(always)]
        || {
            let panels = weight.chunks_exact(panel_len);
            let scales = scales.chunks_exact(params.groups() * WIDTH);
            for (index, (panel, scales)) in panels.zip(scales).enumerate() {
                let first = index * WIDTH;
                let columns = WIDTH.min(params.outputs - first);
                let place = [first, columns];
                let weights = sum_groups(level, params, &x, (panel, scales), place, y);
                let bias = &bias[first..][..columns];
                affine(&x, [&weights, bias], params.outputs, &mut y[first..]);
            }
        },
    );
}

/// Writes the sums over the groups of one panel, before the row's scale and the bias, and returns
/// those of the weights alone.
#[inline(always)]
fn sum_groups(
    level: Level,
    params: &Params,
    x: &Q8Rows<'_>,
    (panel, scales): (&[u8], &[u16]),
    [first, columns]: [usize; 2],
    y: &mut [f32],
) -> [f32; WIDTH] {
    for y in y.chunks_exact_mut(params.outputs) {
        y[first..first + columns].fill(0.0);
    }
    let mut weights = [0.0; WIDTH];
    let mut chunk = Q4Chunk::new(params.group_size);
    let all_quads = params.inputs.div_ceil(4);
    // Two columns' halves share a byte: a chunk of sixteen-row columns has eight bytes for each.
    let nibbles = panel.chunks(CHUNK * WIDTH / 2);
    let scales = scales.chunks(CHUNK / params.group_size * WIDTH);
    for (index, (nibbles, scales)) in nibbles.zip(scales).enumerate() {
        let start = index * (CHUNK / 4);
        let quads = (all_quads - start).min(CHUNK / 4);
        let scales = scales.as_chunks::<WIDTH>().0.iter();
        let scales = scales.map(|scales| scales.map(f16_to_f32));
        chunk.decode(level, [start, quads], nibbles, scales);
        q4_rows(level, x, &chunk, &mut y[first..], [params.outputs, columns]);
        q4_weight_sums(level, &mut chunk, &mut weights);
    }
    weights
}

/// Adds each row's zero point times the sum of the weights to its sums, scales them by the row, and
/// adds the bias.
#[inline(always)]
fn affine(x: &Q8Rows<'_>, [weights, bias]: [&[f32]; 2], stride: usize, y: &mut [f32]) {
    for (row, y) in y.chunks_mut(stride).enumerate() {
        let (row_scale, zero_point) = (x.scale(row), x.zero_point(row) as f32);
        for ((y, weights), bias) in y.iter_mut().zip(weights).zip(bias) {
            *y = (*y + weights * zero_point) * row_scale + bias;
        }
    }
}
