//! The nearest centroid of each vector, by blocked matrix products on any device.

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use crate::nn::state::host_values;

/// Scores of a block, which bound the memory of an assignment: few enough for a CPU's cache.
const SCORES_ON_CPU: usize = 1 << 18;

/// As many as keep a GPU busy.
const SCORES_ON_GPU: usize = 1 << 24;

/// Vectors of a block: with fewer the centroids are packed anew too often.
const LEAST_ROWS: usize = 256;

/// Vectors of a block, at most.
const MOST_ROWS: usize = 1 << 14;

/// Rows that one thread scans in a row.
const SCAN: usize = 16;

/// Centroids on a device, laid out for `argmin ||x - c||^2 = argmin ||c||^2 / 2 - x . c`.
///
/// Vectors and centroids are first moved by the centroids' mean, which changes no distance and
/// keeps f32 from losing small distances between vectors that lie far from the origin. Products are
/// f32; a GPU may compute them in TF32, where near-ties can fall the other way.
#[derive(Debug)]
pub struct Nearest {
    /// `[dim, tokens]`, less `middle`.
    centers: Tensor<2>,
    /// `||c||^2 / 2` of the moved centroids.
    half_norms: Vec<f32>,
    /// The centroids' mean.
    middle: Vec<f32>,
    device: Device,
}

impl Nearest {
    /// From centroids `[tokens, dim]`.
    pub fn new(centers: &[f32], dim: usize, device: &Device) -> Self {
        let tokens = centers.len() / dim;
        let mut middle = vec![0.0f64; dim];
        for center in centers.chunks_exact(dim) {
            for (sum, &value) in middle.iter_mut().zip(center) {
                *sum += f64::from(value);
            }
        }
        let middle: Vec<f32> = middle
            .iter()
            .map(|sum| (sum / tokens as f64) as f32)
            .collect();
        let moved = moved(centers, &middle);
        let half_norms = moved
            .chunks_exact(dim)
            .map(|center| (center.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / 2.0) as f32)
            .collect();
        let centers = Tensor::from_data(TensorData::new(moved, [tokens, dim]), device);
        Self {
            centers: centers.transpose(),
            half_norms,
            middle,
            device: device.clone(),
        }
    }

    /// The token of each row of `vectors`, `[rows, dim]`; the lower one when two are equally near.
    pub fn assign(&self, vectors: &[f32]) -> Vec<u32> {
        let dim = self.middle.len();
        let scores = if self.is_on_cpu() {
            SCORES_ON_CPU
        } else {
            SCORES_ON_GPU
        };
        let rows = (scores / self.half_norms.len()).clamp(LEAST_ROWS, MOST_ROWS);
        let mut tokens = Vec::with_capacity(vectors.len() / dim);
        for block in vectors.chunks(rows * dim) {
            let rows = block.len() / dim;
            let block = TensorData::new(moved(block, &self.middle), [rows, dim]);
            let block = Tensor::<2>::from_data(block, &self.device);
            tokens.extend(self.least(block.matmul(self.centers.clone())));
        }
        tokens
    }

    /// Whether products are in this memory already.
    fn is_on_cpu(&self) -> bool {
        self.device == Device::flex()
    }

    /// The lowest score of each row of `products`, `[rows, tokens]`.
    fn least(&self, products: Tensor<2>) -> Vec<u32> {
        let tokens = self.half_norms.len();
        if self.is_on_cpu() {
            // One scan instead of a difference and a search.
            return host_values(products)
                .par_chunks(tokens * SCAN)
                .flat_map_iter(|rows| rows.chunks_exact(tokens))
                .map(|row| least(&self.half_norms, row))
                .collect();
        }
        let half_norms = TensorData::new(self.half_norms.clone(), [1, tokens]);
        let scores = Tensor::<2>::from_data(half_norms, &self.device) - products;
        scores
            .argmin(1)
            .into_data_as::<i32>()
            .try_into_vec::<i32>()
            .expect("i32 data was asked for above")
            .into_iter()
            .map(|token| token as u32)
            .collect()
    }
}

/// `vectors`, `[rows, dim]`, less `middle`.
fn moved(vectors: &[f32], middle: &[f32]) -> Vec<f32> {
    let mut out = Vec::with_capacity(vectors.len());
    for vector in vectors.chunks_exact(middle.len()) {
        out.extend(
            vector
                .iter()
                .zip(middle)
                .map(|(value, middle)| value - middle),
        );
    }
    out
}

/// The index of the least `half_norm - product`, the first of equals. Lanes keep their own least so
/// that the loop vectorises.
fn least(half_norms: &[f32], products: &[f32]) -> u32 {
    const LANES: usize = 16;
    let mut best = [f32::INFINITY; LANES];
    let mut at = [0u32; LANES];
    let (norms, norms_left) = half_norms.as_chunks::<LANES>();
    let (whole, left) = products.as_chunks::<LANES>();
    for (step, (norms, products)) in norms.iter().zip(whole).enumerate() {
        for lane in 0..LANES {
            let score = norms[lane] - products[lane];
            let closer = score < best[lane];
            best[lane] = if closer { score } else { best[lane] };
            at[lane] = if closer { step as u32 } else { at[lane] };
        }
    }
    let mut winner = (f32::INFINITY, 0);
    for lane in 0..LANES {
        let token = at[lane] * LANES as u32 + lane as u32;
        if best[lane] < winner.0 || (best[lane] == winner.0 && token < winner.1) {
            winner = (best[lane], token);
        }
    }
    let first = (whole.len() * LANES) as u32;
    for (token, (norm, product)) in (first..).zip(norms_left.iter().zip(left)) {
        if norm - product < winner.0 {
            winner = (norm - product, token);
        }
    }
    winner.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn normals(random: &mut Stream, count: usize) -> Vec<f32> {
        (0..count).map(|_| random.normal()).collect()
    }

    /// The definition, in f64: the token and how much farther the next one is.
    fn oracle(centers: &[f32], vector: &[f32]) -> (u32, f64) {
        let distance = |center: &[f32]| -> f64 {
            let pairs = vector.iter().zip(center);
            pairs
                .map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2))
                .sum()
        };
        let mut ranked: Vec<(f64, u32)> = centers
            .chunks_exact(vector.len())
            .map(distance)
            .zip(0..)
            .collect();
        ranked.sort_by(|a, b| a.partial_cmp(b).unwrap());
        let gap = ranked
            .get(1)
            .map_or(f64::INFINITY, |next| next.0 - ranked[0].0);
        (ranked[0].1, gap)
    }

    #[test]
    fn agrees_with_the_definition_on_odd_shapes() {
        let mut random = Stream::new(&[4]);
        for (rows, dim, tokens) in [
            (1, 1, 1),
            (3, 7, 2),
            (65, 5, 17),
            (197, 33, 100),
            (4100, 3, 5),
        ] {
            for offset in [0.0, 1000.0] {
                let shift =
                    |values: Vec<f32>| values.iter().map(|v| v + offset).collect::<Vec<_>>();
                let centers = shift(normals(&mut random, tokens * dim));
                let vectors = shift(normals(&mut random, rows * dim));
                let assigned = Nearest::new(&centers, dim, &Device::flex()).assign(&vectors);
                assert_eq!(assigned.len(), rows);
                for (vector, token) in vectors.chunks_exact(dim).zip(assigned) {
                    let (expected, gap) = oracle(&centers, vector);
                    assert!(
                        token == expected || gap < 1e-5,
                        "{rows} x {dim}, {tokens}: {gap}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_first_of_equal_centroids_wins() {
        for tokens in [2, 16, 17, 40] {
            let centers = vec![0.5; tokens * 3];
            let assigned = Nearest::new(&centers, 3, &Device::flex()).assign(&[0.1; 6]);
            assert_eq!(assigned, [0, 0]);
        }
        let centers = [9.0, 9.0, 1.0, 1.0, 5.0, 1.0];
        assert_eq!(
            Nearest::new(&centers, 1, &Device::flex()).assign(&[1.2]),
            [2]
        );
    }
}
