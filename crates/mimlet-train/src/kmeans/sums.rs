//! What a set of assigned vectors adds to k-means: sums and counts per cluster, and distances.

use rayon::prelude::*;

use crate::collective::Collective;
use crate::error::TrainError;

/// Clusters that one thread sums at least.
const CLUSTERS: usize = 8;

/// Additive statistics of assigned vectors. All sums are f64 and in the order of the vectors.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sums {
    /// Sum of each cluster's vectors, `[clusters, dim]`.
    pub(super) values: Vec<f64>,
    /// Vectors of each cluster.
    pub(super) counts: Vec<u64>,
    /// Sum of squared distances to the centroids.
    pub(super) inertia: f64,
    dim: usize,
}

impl Sums {
    pub(super) fn new(clusters: usize, dim: usize) -> Self {
        Self {
            values: vec![0.0; clusters * dim],
            counts: vec![0; clusters],
            inertia: 0.0,
            dim,
        }
    }

    /// Adds `vectors`, `[rows, dim]`, that `tokens` assigns to `centers`. Returns their squared
    /// distances, `[rows]`.
    pub(super) fn add(&mut self, vectors: &[f32], tokens: &[u32], centers: &[f32]) -> Vec<f64> {
        let distances = self.add_distances(vectors, tokens, centers);
        let (starts, order) = by_token(tokens, self.counts.len());
        let dim = self.dim;
        self.values
            .par_chunks_mut(dim)
            .with_min_len(CLUSTERS)
            .enumerate()
            .for_each(|(token, sum)| {
                for &row in &order[starts[token]..starts[token + 1]] {
                    let vector = &vectors[row as usize * dim..][..dim];
                    for (total, &value) in sum.iter_mut().zip(vector) {
                        *total += f64::from(value);
                    }
                }
            });
        distances
    }

    /// Adds counts and inertia only.
    pub(super) fn add_distances(
        &mut self,
        vectors: &[f32],
        tokens: &[u32],
        centers: &[f32],
    ) -> Vec<f64> {
        let dim = self.dim;
        let distances: Vec<f64> = vectors
            .par_chunks_exact(dim)
            .zip(tokens)
            .with_min_len(64)
            .map(|(vector, &token)| {
                squared_distance(vector, &centers[token as usize * dim..][..dim])
            })
            .collect();
        for &token in tokens {
            self.counts[token as usize] += 1;
        }
        self.inertia += distances.iter().sum::<f64>();
        distances
    }

    /// Adds up what all processes have.
    pub(super) fn reduce(&mut self, collective: &dyn Collective) -> Result<(), TrainError> {
        self.reduce_counts(collective)?;
        collective.sum_f64(&mut self.values)
    }

    /// Adds up counts and inertia.
    pub(super) fn reduce_counts(&mut self, collective: &dyn Collective) -> Result<(), TrainError> {
        let mut inertia = [self.inertia];
        collective.sum_f64(&mut inertia)?;
        self.inertia = inertia[0];
        collective.sum_u64(&mut self.counts)
    }
}

/// Rows in order of their tokens, each token's in their own order, and where each token's start.
fn by_token(tokens: &[u32], clusters: usize) -> (Vec<usize>, Vec<u32>) {
    let mut starts = vec![0; clusters + 1];
    for &token in tokens {
        starts[token as usize + 1] += 1;
    }
    for token in 0..clusters {
        starts[token + 1] += starts[token];
    }
    let mut next = starts.clone();
    let mut order = vec![0; tokens.len()];
    for (row, &token) in (0..).zip(tokens) {
        order[next[token as usize]] = row;
        next[token as usize] += 1;
    }
    (starts, order)
}

/// `||a - b||^2` in f64; eight running sums, so that it vectorises.
pub(super) fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let (a, a_left) = a.as_chunks::<LANES>();
    let (b, b_left) = b.as_chunks::<LANES>();
    let square = |a: f32, b: f32| {
        let difference = f64::from(a) - f64::from(b);
        difference * difference
    };
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += square(a[lane], b[lane]);
        }
    }
    for (&a, &b) in a_left.iter().zip(b_left) {
        sums[0] += square(a, b);
    }
    sums.iter().sum()
}
