//! Layer norm in f64, one row at a time.

use super::Params;

/// Writes the layer norm of each row of `x` to `y`, both `[rows, dim]`.
pub fn reference(params: &Params, x: &[f32], weight: &[f32], bias: &[f32], y: &mut [f32]) {
    for (x, y) in x.chunks(params.dim).zip(y.chunks_mut(params.dim)) {
        let n = params.dim as f64;
        let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = x
            .iter()
            .map(|&v| (f64::from(v) - mean) * (f64::from(v) - mean))
            .sum::<f64>()
            / n;
        let deviation = libm::sqrt(variance + f64::from(params.eps));
        for (i, y) in y.iter_mut().enumerate() {
            let normed = (f64::from(x[i]) - mean) / deviation;
            *y = (normed * f64::from(weight[i]) + f64::from(bias[i])) as f32;
        }
    }
}
