//! Several processes that train one model: one process a GPU, on one machine or on many.
//!
//! Gradients, k-means statistics and token counts are all sums over images, so one operation
//! joins the processes of a run: add up what each of them has.

mod launch;
mod solo;

use crate::error::TrainError;
pub use solo::Solo;

/// Sums over the processes of a run. Every process makes the same calls in the same order.
///
/// # Errors
/// Every method fails on all processes when they disagree on what they do.
pub trait Collective: std::fmt::Debug {
    /// This process, `0..world`.
    fn rank(&self) -> usize;

    /// How many processes there are.
    fn world(&self) -> usize;

    /// Replaces each value by its sum over the processes; the same bits on all of them.
    ///
    /// # Errors
    /// [`TrainError::Collective`] when the processes bring different numbers of values.
    fn sum_f32(&self, values: &mut [f32]) -> Result<(), TrainError>;

    /// As [`Collective::sum_f32`].
    ///
    /// # Errors
    /// As [`Collective::sum_f32`].
    fn sum_f64(&self, values: &mut [f64]) -> Result<(), TrainError>;

    /// As [`Collective::sum_f32`]; exact while no sum exceeds 64 bits.
    ///
    /// # Errors
    /// As [`Collective::sum_f32`].
    fn sum_u64(&self, values: &mut [u64]) -> Result<(), TrainError>;

    /// Replaces each value by that of process `root`.
    ///
    /// # Errors
    /// As [`Collective::sum_f32`], and for a `root` that does not exist.
    fn broadcast_f32(&self, root: usize, values: &mut [f32]) -> Result<(), TrainError>;

    /// Returns once every process has called it.
    ///
    /// # Errors
    /// [`TrainError::Collective`] when the others are at another call.
    fn barrier(&self) -> Result<(), TrainError>;
}

/// Joins the run that this process was started for: alone, unless a launcher started several.
///
/// # Errors
/// [`TrainError::Collective`] for one of several processes of a build without MPI: each would
/// train the whole model over the others' files.
pub fn join() -> Result<Box<dyn Collective>, TrainError> {
    match launch::processes(|name| std::env::var(name).ok()) {
        0 | 1 => Ok(Box::new(Solo)),
        processes => Err(TrainError::Collective(format!(
            "a launcher started {processes} processes, and this build cannot join them; build \
             with --features mpi"
        ))),
    }
}
