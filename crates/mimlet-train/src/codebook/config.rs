//! The run's `[codebook]` section.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::normalise::Normalise;
use crate::error::TrainError;
use crate::kmeans::Algorithm;

/// The codebook: what it is over, and how it is clustered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodebookConfig {
    /// K, the number of centroids.
    pub tokens: usize,
    /// Images whose patches are clustered, drawn at random.
    pub images: usize,
    /// Vectors in a mini-batch, rounded up to whole images.
    pub batch: usize,
    /// Passes over the vectors, at most.
    pub passes: usize,
    /// Seed of images, seeding, batches and random projection.
    pub seed: u64,
    /// What the codebook is over; without it features when an encoder is given, else pixels.
    #[serde(default)]
    pub space: Option<SpaceKind>,
    /// How centroids are improved.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// What is done to a patch's pixels or features first.
    #[serde(default)]
    pub normalise: Normalise,
    /// Features after this many of the encoder's blocks; without it after its final norm.
    #[serde(default)]
    pub layer: Option<usize>,
    /// Mini-batches without a new lowest smoothed inertia after which k-means is done; 0: never.
    #[serde(default = "patience")]
    pub patience: usize,
    /// Lloyd is done when a pass lowers the inertia by no more than this share of it.
    #[serde(default = "tolerance")]
    pub tolerance: f64,
    /// Width of a random projection.
    #[serde(default = "projection_dim")]
    pub projection_dim: usize,
    /// Vectors are kept in memory, not read anew in each pass, when they fit into this many MiB.
    #[serde(default = "memory_mib")]
    pub memory_mib: usize,
}

/// What a codebook is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum SpaceKind {
    /// Normalised pixels of a patch.
    Pixels,
    /// An encoder's patch features.
    Features,
    /// A random projection of pixels and random codewords: a baseline.
    RandomProjection,
    /// The images' classes: an oracle.
    Labels,
}

impl Default for CodebookConfig {
    fn default() -> Self {
        Self {
            tokens: 100,
            images: 10_000,
            batch: 4096,
            passes: 10,
            seed: 1,
            space: None,
            algorithm: Algorithm::default(),
            normalise: Normalise::default(),
            layer: None,
            patience: patience(),
            tolerance: tolerance(),
            projection_dim: projection_dim(),
            memory_mib: memory_mib(),
        }
    }
}

/// As scikit-learn's `max_no_improvement`.
fn patience() -> usize {
    10
}

fn tolerance() -> f64 {
    1e-4
}

/// As BEST-RQ's codewords.
fn projection_dim() -> usize {
    16
}

fn memory_mib() -> usize {
    2048
}

impl CodebookConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the field and the mend.
    pub fn check(&self) -> Result<(), TrainError> {
        let wrong = |reason: &str| Err(TrainError::Config(reason.into()));
        if self.tokens < 2 || self.batch == 0 || self.passes == 0 || self.images == 0 {
            return wrong(
                "codebook.tokens must be at least 2, images, batch and passes at least 1",
            );
        }
        if !(self.tolerance >= 0.0 && self.tolerance < 1.0) {
            return wrong("codebook.tolerance must be at least 0 and below 1");
        }
        if self.projection_dim == 0 {
            return wrong("codebook.projection_dim must be at least 1");
        }
        Ok(())
    }
}
