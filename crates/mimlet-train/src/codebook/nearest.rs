//! The nearest centroid of each vector.

use rayon::prelude::*;

/// Vectors assigned together: their partial products stay in cache.
const BLOCK: usize = 64;

/// Centroids laid out for fast assignment: transposed, so that the inner loop runs over centroids
/// and vectorises without reordering any sum.
#[derive(Debug, Clone)]
pub struct Assigner {
    /// `[dim, tokens]`.
    transposed: Vec<f32>,
    /// `||c||^2 / 2` per centroid.
    half_norms: Vec<f32>,
    dim: usize,
}

impl Assigner {
    /// From centroids `[tokens, dim]`.
    pub fn new(centers: &[f32], dim: usize) -> Self {
        let tokens = centers.len() / dim;
        let mut transposed = vec![0.0; centers.len()];
        for (token, center) in centers.chunks_exact(dim).enumerate() {
            for (axis, &value) in center.iter().enumerate() {
                transposed[axis * tokens + token] = value;
            }
        }
        let half_norms = centers
            .chunks_exact(dim)
            .map(|center| (center.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / 2.0) as f32)
            .collect();
        Self {
            transposed,
            half_norms,
            dim,
        }
    }

    /// The token of each row of `vectors`, `[rows, dim]`: `argmin ||x - c||`, the lower index when
    /// two are equally near.
    pub fn assign(&self, vectors: &[f32]) -> Vec<u32> {
        self.assign_scored(vectors)
            .into_iter()
            .map(|(token, _)| token)
            .collect()
    }

    /// The token and the squared distance of each row.
    pub fn assign_scored(&self, vectors: &[f32]) -> Vec<(u32, f32)> {
        vectors
            .par_chunks(BLOCK * self.dim)
            .flat_map_iter(|block| {
                let mut scores = vec![0.0; self.half_norms.len()];
                block
                    .chunks_exact(self.dim)
                    .map(|vector| self.nearest(vector, &mut scores))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    /// `argmin ||c||^2 / 2 - x . c`, which orders as the distance does.
    fn nearest(&self, vector: &[f32], scores: &mut [f32]) -> (u32, f32) {
        scores.copy_from_slice(&self.half_norms);
        let tokens = scores.len();
        for (&value, row) in vector.iter().zip(self.transposed.chunks_exact(tokens)) {
            for (score, &center) in scores.iter_mut().zip(row) {
                *score -= value * center;
            }
        }
        let mut best = 0;
        for (token, score) in scores.iter().enumerate() {
            if *score < scores[best] {
                best = token;
            }
        }
        let norm: f32 = vector.iter().map(|v| v * v).sum();
        (best as u32, (norm + 2.0 * scores[best]).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn agrees_with_the_definition() {
        let mut random = Stream::new(&[4]);
        let (dim, tokens) = (7, 5);
        let centers: Vec<f32> = (0..tokens * dim).map(|_| random.normal()).collect();
        let vectors: Vec<f32> = (0..300 * dim).map(|_| random.normal()).collect();
        let assigned = Assigner::new(&centers, dim).assign_scored(&vectors);
        for (vector, (token, distance)) in vectors.chunks_exact(dim).zip(assigned) {
            let distances: Vec<f64> = centers
                .chunks_exact(dim)
                .map(|center| {
                    let pairs = vector.iter().zip(center);
                    pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum()
                })
                .collect();
            let least = distances.iter().copied().fold(f64::MAX, f64::min);
            assert!((distances[token as usize] - least).abs() < 1e-5);
            assert!((f64::from(distance) - least).abs() < 1e-4);
        }
    }
}
