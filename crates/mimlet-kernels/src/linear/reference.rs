//! Linear layer in f64 on a row-major weight.

use super::Params;

/// Writes `x W^T + b`: `x` is `[rows, inputs]`, `weight` `[outputs, inputs]`, `bias` `[outputs]`, `y`
/// `[rows, outputs]`.
pub fn reference(params: &Params, x: &[f32], weight: &[f32], bias: &[f32], y: &mut [f32]) {
    for (x, y) in x.chunks(params.inputs).zip(y.chunks_mut(params.outputs)) {
        for (output, y) in y.iter_mut().enumerate() {
            let weight = &weight[output * params.inputs..][..params.inputs];
            let products = x
                .iter()
                .zip(weight)
                .map(|(&x, &w)| f64::from(x) * f64::from(w));
            *y = (products.sum::<f64>() + f64::from(bias[output])) as f32;
        }
    }
}
