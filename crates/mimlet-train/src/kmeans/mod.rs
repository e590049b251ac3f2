//! K-means that scales: Lloyd's algorithm and mini-batches (Sculley 2010, "Web-scale k-means
//! clustering") with scikit-learn's `MiniBatchKMeans` rules, over vectors that need not fit into
//! memory, on any burn device, over any number of processes.
//!
//! [`Rows`] gives the vectors. Each is compared with all centroids by a blocked matrix product
//! ([`Nearest`]); sums are f64 in the order of the vectors, whatever the number of threads. Over
//! processes each takes its own [`Rows`] items and the sums are added up, so that the result is one
//! process's but for the rounding of f64 sums.

mod farthest;
mod job;
mod lloyd;
mod mini_batch;
mod nearest;
#[cfg(test)]
mod oracle;
mod rows;
mod seeding;
mod state;
mod sums;
#[cfg(test)]
mod tests;

pub use job::{Algorithm, Clusters, Job, Options};
pub use nearest::Nearest;
pub use rows::{Cached, Matrix, Rows};

use crate::error::TrainError;
use state::State;
use sums::Sums;

/// Clusters the vectors of `job`; `None` when it stopped at [`Job::stop_after`], its state saved.
///
/// # Errors
/// [`TrainError::Config`] when there are fewer vectors than clusters, or the state to resume is of
/// another run; [`TrainError::Content`] naming a vector with a number that is not finite; what
/// reading vectors, the state file or the other processes report.
pub fn cluster(job: &Job<'_>) -> Result<Option<Clusters>, TrainError> {
    job.check()?;
    let steps = job.steps();
    // The last pass counts as a step of Lloyd's, and as the batches it is made of.
    let counting = job.own_blocks();
    job.progress
        .set_length((steps.total * steps.bar_per_step + counting) as u64);
    let mut state = if job.resume {
        State::load(job)?
    } else {
        State::new(seeding::seed(job)?, job.options.clusters)
    };
    job.progress
        .set_position((state.step * steps.bar_per_step) as u64);
    let finished = match job.options.algorithm {
        Algorithm::MiniBatch => mini_batch::run(job, &mut state)?,
        Algorithm::Lloyd => lloyd::run(job, &mut state)?,
    };
    if !finished {
        state.save(job)?;
        return Ok(None);
    }
    job.progress
        .set_length((state.step * steps.bar_per_step + counting) as u64);
    count(job, &state).map(Some)
}

/// A last assignment of every vector, for the counts and the inertia.
fn count(job: &Job<'_>, state: &State) -> Result<Clusters, TrainError> {
    let dim = job.rows.dim();
    let centers = state.centers(job);
    let nearest = Nearest::new(&centers, dim, job.device);
    let mut sums = Sums::new(job.options.clusters, dim);
    for items in job.blocks() {
        let vectors = rows::read_finite(job.rows, &items)?;
        let tokens = nearest.assign(&vectors);
        sums.add_distances(&vectors, &tokens, &centers);
        job.progress.inc(1);
    }
    sums.reduce_counts(job.collective)?;
    Ok(Clusters {
        centers,
        inertia: sums.inertia / job.rows.len() as f64,
        counts: sums.counts,
        steps: state.step,
    })
}
