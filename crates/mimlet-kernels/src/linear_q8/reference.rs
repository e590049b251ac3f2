//! Quantised linear layer, one product at a time, on a row-major weight.

use super::Params;

/// Writes the layer's outputs `[rows, outputs]`: `x` holds quantised rows, `weight` is
/// `[outputs, inputs]`, `scale` and `bias` are `[outputs]`.
pub fn reference(
    params: &Params,
    x: &[u32],
    weight: &[i8],
    scale: &[f32],
    bias: &[f32],
    y: &mut [f32],
) {
    for (x, y) in x
        .chunks(params.row_words())
        .zip(y.chunks_mut(params.outputs))
    {
        let row_scale = f64::from(f32::from_bits(x[params.row_words() - 2]));
        let zero_point = x[params.row_words() - 1].cast_signed();
        for (output, y) in y.iter_mut().enumerate() {
            let weight = &weight[output * params.inputs..][..params.inputs];
            let mut sum = 0i32;
            for (k, &weight) in weight.iter().enumerate() {
                let byte = x[k / 4].to_le_bytes()[k % 4].cast_signed();
                sum += (i32::from(byte) + zero_point) * i32::from(weight);
            }
            let scaled = f64::from(sum) * row_scale * f64::from(scale[output]);
            *y = (scaled + f64::from(bias[output])) as f32;
        }
    }
}
