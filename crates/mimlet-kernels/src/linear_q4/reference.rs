//! Linear layer on 4-bit weights, one product at a time, on a row-major weight.

use super::Params;
use crate::f16_to_f32;

/// Writes the layer's outputs `[rows, outputs]`: `x` holds quantised rows, `weight` is
/// `[outputs, inputs]`, a byte each, `scales` are the bits of f16 `[outputs, groups]`, `bias` is
/// `[outputs]`.
pub fn reference(
    params: &Params,
    x: &[u32],
    weight: &[i8],
    scales: &[u16],
    bias: &[f32],
    y: &mut [f32],
) {
    for (x, y) in x
        .chunks(params.row_words())
        .zip(y.chunks_mut(params.outputs))
    {
        let row_scale = f64::from(f32::from_bits(x[params.row_words() - 2]));
        let zero_point = f64::from(x[params.row_words() - 1].cast_signed());
        for (output, y) in y.iter_mut().enumerate() {
            let weight = &weight[output * params.inputs..][..params.inputs];
            let scales = &scales[output * params.groups()..][..params.groups()];
            let (mut sum, mut weights) = (0.0, 0.0);
            for (k, &weight) in weight.iter().enumerate() {
                let byte = x[k / 4].to_le_bytes()[k % 4].cast_signed();
                let scale = f64::from(f16_to_f32(scales[k / params.group_size]));
                sum += f64::from(i32::from(byte) * i32::from(weight)) * scale;
                weights += f64::from(weight) * scale;
            }
            *y = ((sum + weights * zero_point) * row_scale + f64::from(bias[output])) as f32;
        }
    }
}
