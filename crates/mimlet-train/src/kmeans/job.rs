//! What is clustered, how, and with what.

use std::path::Path;

use burn::tensor::Device;
use clap::ValueEnum;
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};

use super::rows::Rows;
use crate::collective::Collective;
use crate::error::TrainError;

/// Vectors that a pass reads and assigns together.
const BLOCK: usize = 8192;

/// How centroids are improved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Running means over random batches.
    #[default]
    MiniBatch,
    /// Means over all vectors, pass by pass.
    Lloyd,
}

/// The clustering.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Options {
    /// K.
    pub clusters: usize,
    /// How centroids are improved.
    pub algorithm: Algorithm,
    /// Vectors in a mini-batch, rounded up to whole items; also sizes the sample that is seeded on.
    pub batch: usize,
    /// Passes over the vectors, at most.
    pub passes: usize,
    /// Mini-batches without a new lowest smoothed inertia after which it is done; 0: never.
    pub patience: usize,
    /// Lloyd is done when a pass lowers the inertia by no more than this share of it.
    pub tolerance: f64,
    /// Keep centroids on the unit sphere, where the vectors must lie (Dhillon and Modha 2001).
    pub spherical: bool,
    /// Seed of sample, seeding, order and moves.
    pub seed: u64,
}

/// A clustering with its vectors and its means.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// How.
    pub options: &'a Options,
    /// What.
    pub rows: &'a dyn Rows,
    /// Where products are computed.
    pub device: &'a Device,
    /// The processes that share the work.
    pub collective: &'a dyn Collective,
    /// Where the state is saved now and then.
    pub state: Option<&'a Path>,
    /// Which run it is, as text that changes with anything that changes the result: a state of
    /// another run is refused.
    pub id: &'a str,
    /// Go on from the saved state.
    pub resume: bool,
    /// Stop after this many steps in all: mini-batches, or Lloyd's passes.
    pub stop_after: Option<usize>,
    /// Steps done, and the inertia as message.
    pub progress: &'a ProgressBar,
}

/// Centroids and how many vectors are nearest to each.
#[derive(Debug, Clone, PartialEq)]
pub struct Clusters {
    /// `[clusters, dim]`.
    pub centers: Vec<f32>,
    /// Vectors nearest to each centroid.
    pub counts: Vec<u64>,
    /// Mean squared distance to the nearest centroid.
    pub inertia: f64,
    /// Mini-batches or passes it took.
    pub steps: usize,
}

/// How many steps there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Steps {
    /// Items of a mini-batch.
    pub(super) items: usize,
    /// Mini-batches of a pass.
    pub(super) per_pass: usize,
    /// Steps when nothing stops earlier.
    pub(super) total: usize,
    /// What a step moves the progress bar by.
    pub(super) bar_per_step: usize,
}

impl Job<'_> {
    pub(super) fn check(&self) -> Result<(), TrainError> {
        let (options, rows) = (self.options, self.rows.len());
        if options.clusters == 0 || options.batch == 0 || options.passes == 0 {
            return Err(TrainError::Config(
                "clusters, batch and passes must be at least 1".into(),
            ));
        }
        if rows < options.clusters {
            return Err(TrainError::Config(format!(
                "codebook.tokens is {} but there are only {rows} vectors; raise codebook.images",
                options.clusters
            )));
        }
        // Rows of a block and of a batch are counted in u32.
        if options.batch > 1 << 30 || options.clusters > 1 << 30 {
            return Err(TrainError::Config(
                "codebook.tokens and codebook.batch must be below 2^30".into(),
            ));
        }
        Ok(())
    }

    pub(super) fn steps(&self) -> Steps {
        let (options, all) = (self.options, self.rows.items());
        let items = options.batch.div_ceil(self.rows.per_item()).min(all);
        let per_pass = all.div_ceil(items);
        match options.algorithm {
            Algorithm::MiniBatch => Steps {
                items,
                per_pass,
                total: per_pass * options.passes,
                bar_per_step: 1,
            },
            Algorithm::Lloyd => Steps {
                items,
                per_pass,
                total: options.passes,
                bar_per_step: self.own_blocks(),
            },
        }
    }

    /// Whether this process reads `item`.
    pub(super) fn owns(&self, item: usize) -> bool {
        item % self.collective.world() == self.collective.rank()
    }

    /// This process's items, block by block.
    pub(super) fn blocks(&self) -> impl Iterator<Item = Vec<usize>> {
        let (rank, world) = (self.collective.rank(), self.collective.world());
        let mut own = (rank..self.rows.items()).step_by(world);
        let block = (BLOCK / self.rows.per_item()).max(1);
        std::iter::from_fn(move || {
            let items: Vec<usize> = own.by_ref().take(block).collect();
            (!items.is_empty()).then_some(items)
        })
    }

    pub(super) fn own_blocks(&self) -> usize {
        let (rank, world) = (self.collective.rank(), self.collective.world());
        let own = self.rows.items().saturating_sub(rank).div_ceil(world);
        own.div_ceil((BLOCK / self.rows.per_item()).max(1))
    }

    pub(super) fn stops_at(&self, step: usize) -> bool {
        self.stop_after.is_some_and(|stop| step >= stop)
    }
}
