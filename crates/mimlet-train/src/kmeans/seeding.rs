//! First centroids by greedy k-means++ (Arthur and Vassilvitskii 2007, section 7) over a sample of
//! bounded size, as scikit-learn seeds.

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use super::job::Job;
use super::rows::read_finite;
use crate::error::TrainError;
use crate::nn::state::host_values;
use crate::random::Stream;

/// The sample's size in clusters or mini-batches, whichever are larger; scikit-learn's `init_size`.
const SAMPLE: usize = 3;

/// Vectors of the sample, at most, unless there are more clusters.
const MOST: usize = 1 << 17;

/// The first centroids, `[clusters, dim]`: the first process seeds for all.
pub(super) fn seed(job: &Job<'_>) -> Result<Vec<f32>, TrainError> {
    let (clusters, dim) = (job.options.clusters, job.rows.dim());
    let mut centers = vec![0.0; clusters * dim];
    if job.collective.rank() == 0 {
        job.progress.set_message("seeding");
        let mut random = Stream::new(&[0x7365_6564, job.options.seed]);
        let vectors = read_sample(job, &mut random)?;
        let sample = Sample::new(&vectors, dim, job.device);
        let chosen = sample.plus_plus(clusters, &mut random);
        for (center, row) in centers.chunks_exact_mut(dim).zip(chosen) {
            center.copy_from_slice(&vectors[row * dim..(row + 1) * dim]);
        }
    }
    job.collective.broadcast_f32(0, &mut centers)?;
    Ok(centers)
}

/// Whole items, drawn without replacement.
fn read_sample(job: &Job<'_>, random: &mut Stream) -> Result<Vec<f32>, TrainError> {
    let (options, rows) = (job.options, job.rows);
    let wanted = (SAMPLE * options.batch.max(options.clusters)).min(MOST);
    let wanted = wanted.max(options.clusters).div_ceil(rows.per_item());
    let mut items: Vec<usize> = (0..rows.items()).collect();
    random.shuffle(&mut items);
    items.truncate(wanted);
    read_finite(rows, &items)
}

/// The vectors that are seeded on, less their mean, which keeps small distances exact in f32.
struct Sample {
    vectors: Vec<f32>,
    /// `||x||^2`.
    norms: Vec<f64>,
    /// `[dim, rows]`.
    transposed: Tensor<2>,
    dim: usize,
    device: Device,
}

impl Sample {
    fn new(vectors: &[f32], dim: usize, device: &Device) -> Self {
        let rows = vectors.len() / dim;
        let mut mean = vec![0.0f64; dim];
        for vector in vectors.chunks_exact(dim) {
            for (sum, &value) in mean.iter_mut().zip(vector) {
                *sum += f64::from(value);
            }
        }
        let mean: Vec<f32> = mean.iter().map(|sum| (sum / rows as f64) as f32).collect();
        let vectors: Vec<f32> = vectors
            .chunks_exact(dim)
            .flat_map(|vector| vector.iter().zip(&mean).map(|(value, mean)| value - mean))
            .collect();
        let norms = vectors
            .chunks_exact(dim)
            .map(|vector| vector.iter().map(|&v| f64::from(v).powi(2)).sum())
            .collect();
        let data = TensorData::new(vectors.clone(), [rows, dim]);
        Self {
            vectors,
            norms,
            transposed: Tensor::<2>::from_data(data, device).transpose(),
            dim,
            device: device.clone(),
        }
    }

    /// The rows of `clusters` centroids: each next one is the best of a few drawn with probability
    /// proportional to the squared distance from those before it.
    fn plus_plus(&self, clusters: usize, random: &mut Stream) -> Vec<usize> {
        let trials = 2 + libm::log(clusters as f64) as usize;
        let rows = self.norms.len();
        let mut is_chosen = vec![false; rows];
        let mut closest = vec![f64::INFINITY; rows];
        let mut candidates = vec![random.below(rows)];
        let mut chosen = Vec::with_capacity(clusters);
        loop {
            let (row, nearer) = self.best(&candidates, &closest);
            closest = nearer;
            // Rounding must not let a vector be drawn twice.
            closest[row] = 0.0;
            is_chosen[row] = true;
            chosen.push(row);
            if chosen.len() == clusters {
                return chosen;
            }
            candidates = draw(&closest, trials, random);
            if candidates.is_empty() {
                // All that is left equals a centroid.
                candidates.extend(is_chosen.iter().position(|chosen| !chosen));
            }
        }
    }

    /// Which of `candidates` leaves the smallest sum of squared distances, and those distances.
    fn best(&self, candidates: &[usize], closest: &[f64]) -> (usize, Vec<f64>) {
        let (dim, rows) = (self.dim, closest.len());
        let vectors: Vec<f32> = candidates
            .iter()
            .flat_map(|&row| &self.vectors[row * dim..(row + 1) * dim])
            .copied()
            .collect();
        let vectors = TensorData::new(vectors, [candidates.len(), dim]);
        let vectors = Tensor::<2>::from_data(vectors, &self.device);
        let products = host_values(vectors.matmul(self.transposed.clone()));
        let tried: Vec<(f64, Vec<f64>)> = products
            .par_chunks_exact(rows)
            .zip(candidates)
            .map(|(products, &row)| {
                let norm = self.norms[row];
                let nearer: Vec<f64> = closest
                    .iter()
                    .zip(self.norms.iter().zip(products))
                    .map(|(&least, (other, &product))| {
                        least.min((norm + other - 2.0 * f64::from(product)).max(0.0))
                    })
                    .collect();
                (nearer.iter().sum(), nearer)
            })
            .collect();
        let mut best = 0;
        for (index, (potential, _)) in tried.iter().enumerate() {
            if *potential < tried[best].0 {
                best = index;
            }
        }
        let nearer = tried.into_iter().nth(best).map(|(_, nearer)| nearer);
        (candidates[best], nearer.unwrap_or_default())
    }
}

/// `count` indices drawn with probability proportional to their weights; none when all are 0.
fn draw(weights: &[f64], count: usize, random: &mut Stream) -> Vec<usize> {
    let mut total = 0.0;
    let cumulative: Vec<f64> = weights
        .iter()
        .map(|weight| {
            total += weight;
            total
        })
        .collect();
    let Some(last) = weights.iter().rposition(|&weight| weight > 0.0) else {
        return Vec::new();
    };
    (0..count)
        .map(|_| {
            let at = random.uniform_f64() * total;
            cumulative.partition_point(|&sum| sum <= at).min(last)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_centroids_as_vectors_are_all_of_them() {
        let mut random = Stream::new(&[3]);
        // With duplicates: their distance is 0, so that they are never drawn.
        let vectors: Vec<f32> = (0..40)
            .flat_map(|i| [(i % 25) as f32 + 500.0, 2.0])
            .collect();
        let sample = Sample::new(&vectors, 2, &Device::flex());
        let mut chosen = sample.plus_plus(40, &mut random);
        chosen.sort_unstable();
        assert_eq!(chosen, (0..40).collect::<Vec<_>>());
    }

    #[test]
    fn far_groups_each_get_a_centroid() {
        let mut random = Stream::new(&[6]);
        let vectors: Vec<f32> = (0..600)
            .flat_map(|i| [(i % 6) as f32 * 100.0 + random.normal(), random.normal()])
            .collect();
        let sample = Sample::new(&vectors, 2, &Device::flex());
        let mut groups: Vec<usize> = sample
            .plus_plus(6, &mut random)
            .iter()
            .map(|row| row % 6)
            .collect();
        groups.sort_unstable();
        assert_eq!(groups, [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn draws_follow_the_weights() {
        let mut random = Stream::new(&[7]);
        let drawn = draw(&[0.0, 3.0, 0.0, 1.0, 0.0], 4000, &mut random);
        let count = |index| drawn.iter().filter(|&&i| i == index).count();
        assert_eq!(count(1) + count(3), 4000);
        assert!((2850..3150).contains(&count(1)), "{}", count(1));
        assert!(draw(&[0.0; 3], 5, &mut random).is_empty());
    }
}
