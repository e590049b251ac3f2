//! Nearest centroid in f64 on row-major centroids.

use super::Params;

/// Writes each row's token to `tokens` `[rows]` and the distances to its best and second-best
/// centroid to `distances` `[rows, 2]`; `x` is `[rows, dim]`, `centroids` `[centroids, dim]`.
pub fn reference(
    params: &Params,
    x: &[f32],
    centroids: &[f32],
    tokens: &mut [u32],
    distances: &mut [f32],
) {
    for (row, x) in x.chunks(params.dim).enumerate() {
        let mut best = (f64::from(f32::MAX), 0);
        let mut second = f64::from(f32::MAX);
        for (token, centroid) in centroids.chunks(params.dim).enumerate() {
            let difference = |(&x, &c): (&f32, &f32)| f64::from(x) - f64::from(c);
            let squared: f64 = x.iter().zip(centroid).map(difference).map(|d| d * d).sum();
            if squared < best.0 {
                second = best.0;
                best = (squared, token as u32);
            } else if squared < second {
                second = squared;
            }
        }
        tokens[row] = best.1;
        distances[2 * row] = libm::sqrt(best.0) as f32;
        distances[2 * row + 1] = libm::sqrt(second) as f32;
    }
}
