//! Mini-batch k-means (Sculley 2010) with scikit-learn's `MiniBatchKMeans` update rule: a centroid
//! is the running mean of all vectors it ever received. Seeded by k-means++ (Arthur and
//! Vassilvitskii 2007). Deterministic: sums are f64 and in order of the vectors, whatever the
//! number of threads.

use super::nearest::Assigner;
use crate::config::CodebookConfig;
use crate::error::TrainError;
use crate::random::Stream;

/// Vectors that k-means++ looks at for each centroid it seeds.
const SEEDING_PER_CENTER: usize = 100;

/// A centroid whose count is below this share of the mean count is moved; scikit-learn's
/// `reassignment_ratio`.
const REASSIGNMENT_RATIO: f64 = 0.01;

/// Centroids and how many vectors are nearest to each.
#[derive(Debug, Clone, PartialEq)]
pub struct Clusters {
    /// `[tokens, dim]`.
    pub centers: Vec<f32>,
    /// Vectors nearest to each centroid, over the whole set.
    pub counts: Vec<f32>,
    /// Mean squared distance to the nearest centroid.
    pub inertia: f64,
}

/// Clusters `vectors`, `[rows, dim]`.
///
/// # Errors
/// [`TrainError::Config`] when there are fewer vectors than centroids.
pub fn cluster(
    config: &CodebookConfig,
    vectors: &[f32],
    dim: usize,
) -> Result<Clusters, TrainError> {
    let rows = vectors.len() / dim;
    if rows < config.tokens {
        return Err(TrainError::Config(format!(
            "codebook.tokens is {} but there are only {rows} vectors; raise codebook.images",
            config.tokens
        )));
    }
    let mut random = Stream::new(&[0x6b6d_6561_6e73, config.seed]);
    let mut centers = Centers {
        values: seed_centers(config.tokens, vectors, dim, &mut random),
        weights: vec![0.0; config.tokens],
        dim,
    };
    let mut order: Vec<u32> = (0..rows as u32).collect();
    for _ in 0..config.passes {
        random.shuffle(&mut order);
        for indices in order.chunks(config.batch) {
            let batch = gather(vectors, dim, indices);
            centers.update(&batch);
        }
        centers.move_starved(vectors, &mut random);
    }
    Ok(centers.finish(vectors))
}

/// Running means.
struct Centers {
    /// `[tokens, dim]`; f64 so that long runs lose nothing.
    values: Vec<f64>,
    /// Vectors each mean is over.
    weights: Vec<f64>,
    dim: usize,
}

impl Centers {
    fn assigner(&self) -> Assigner {
        let rounded: Vec<f32> = self.values.iter().map(|&v| v as f32).collect();
        Assigner::new(&rounded, self.dim)
    }

    /// `c = (c * weight + sum of the batch's vectors) / (weight + their number)`.
    fn update(&mut self, batch: &[f32]) {
        let tokens = self.assigner().assign(batch);
        let mut sums = vec![0.0f64; self.values.len()];
        let mut counts = vec![0.0f64; self.weights.len()];
        for (vector, &token) in batch.chunks_exact(self.dim).zip(&tokens) {
            let token = token as usize;
            counts[token] += 1.0;
            let sum = &mut sums[token * self.dim..][..self.dim];
            for (total, &value) in sum.iter_mut().zip(vector) {
                *total += f64::from(value);
            }
        }
        for (token, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0.0) {
            let weight = self.weights[token];
            let at = token * self.dim..(token + 1) * self.dim;
            for (value, sum) in self.values[at.clone()].iter_mut().zip(&sums[at]) {
                *value = (*value * weight + sum) / (weight + count);
            }
            self.weights[token] += count;
        }
    }

    /// Puts centroids that hardly any vector chose onto random vectors.
    fn move_starved(&mut self, vectors: &[f32], random: &mut Stream) {
        let rows = vectors.len() / self.dim;
        let mean = self.weights.iter().sum::<f64>() / self.weights.len() as f64;
        for token in 0..self.weights.len() {
            if self.weights[token] < REASSIGNMENT_RATIO * mean {
                let row = random.below(rows) * self.dim;
                let vector = vectors[row..row + self.dim].iter().map(|&v| f64::from(v));
                self.values
                    .splice(token * self.dim..(token + 1) * self.dim, vector);
                self.weights[token] = 1.0;
            }
        }
    }

    /// A last assignment of every vector, for the counts.
    fn finish(self, vectors: &[f32]) -> Clusters {
        let assigned = self.assigner().assign_scored(vectors);
        let mut counts = vec![0.0; self.weights.len()];
        let mut total = 0.0;
        for &(token, distance) in &assigned {
            counts[token as usize] += 1.0;
            total += f64::from(distance);
        }
        Clusters {
            centers: self.values.iter().map(|&v| v as f32).collect(),
            counts,
            inertia: total / assigned.len() as f64,
        }
    }
}

/// k-means++ over a random sample: each next centroid is drawn with probability proportional to
/// its squared distance from those before it.
fn seed_centers(tokens: usize, vectors: &[f32], dim: usize, random: &mut Stream) -> Vec<f64> {
    let rows = vectors.len() / dim;
    let mut order: Vec<u32> = (0..rows as u32).collect();
    random.shuffle(&mut order);
    order.truncate(tokens * SEEDING_PER_CENTER);
    let sample = gather(vectors, dim, &order);
    let mut nearest = vec![f64::INFINITY; order.len()];
    let mut centers = Vec::with_capacity(tokens * dim);
    let mut next = random.below(order.len());
    for _ in 0..tokens {
        let center = sample[next * dim..(next + 1) * dim].to_vec();
        for (least, vector) in nearest.iter_mut().zip(sample.chunks_exact(dim)) {
            let distance: f32 = vector
                .iter()
                .zip(&center)
                .map(|(a, b)| (a - b) * (a - b))
                .sum();
            *least = least.min(f64::from(distance));
        }
        centers.extend(center.iter().map(|&v| f64::from(v)));
        next = draw(&nearest, random);
    }
    centers
}

/// An index drawn with probability proportional to its weight.
fn draw(weights: &[f64], random: &mut Stream) -> usize {
    let mut left = random.uniform_f64() * weights.iter().sum::<f64>();
    for (index, weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return index;
        }
    }
    weights.len() - 1
}

fn gather(vectors: &[f32], dim: usize, indices: &[u32]) -> Vec<f32> {
    let row = |&index: &u32| &vectors[index as usize * dim..(index as usize + 1) * dim];
    indices.iter().flat_map(row).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blobs(random: &mut Stream) -> Vec<f32> {
        (0..600)
            .flat_map(|i| {
                let middle = (i % 6) as f32 * 4.0;
                [
                    middle + 0.3 * random.normal(),
                    -middle + 0.3 * random.normal(),
                ]
            })
            .collect()
    }

    fn config() -> CodebookConfig {
        CodebookConfig {
            tokens: 6,
            images: 1,
            batch: 50,
            passes: 4,
            seed: 3,
        }
    }

    #[test]
    fn finds_blobs_and_repeats_itself() {
        let vectors = blobs(&mut Stream::new(&[8]));
        let clusters = cluster(&config(), &vectors, 2).unwrap();
        // The blobs' own variance is 2 * 0.09; one blob split or two merged costs far more.
        assert!(clusters.inertia < 0.25, "inertia {}", clusters.inertia);
        assert!(
            clusters
                .counts
                .iter()
                .all(|&count| (90.0..110.0).contains(&count))
        );
        assert_eq!(clusters, cluster(&config(), &vectors, 2).unwrap());
    }

    #[test]
    fn one_thread_or_many_give_the_same_centroids() {
        let vectors = blobs(&mut Stream::new(&[9]));
        let many = cluster(&config(), &vectors, 2).unwrap();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        let one = pool.install(|| cluster(&config(), &vectors, 2)).unwrap();
        assert_eq!(one, many);
    }

    #[test]
    fn starved_centroids_are_moved_onto_vectors() {
        let vectors = blobs(&mut Stream::new(&[8]));
        let mut centers = Centers {
            values: vec![0.0, 0.0, 1e3, 1e3],
            weights: vec![600.0, 0.0],
            dim: 2,
        };
        centers.move_starved(&vectors, &mut Stream::new(&[1]));
        assert_eq!(centers.values[..2], [0.0, 0.0]);
        assert!(centers.values[2].abs() < 30.0);
    }

    #[test]
    fn too_few_vectors_are_refused() {
        assert!(cluster(&config(), &[0.0; 8], 2).is_err());
    }
}
