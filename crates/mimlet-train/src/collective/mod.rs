//! Several processes that train one model: one process a GPU, on one machine or on many.
//!
//! Gradients, k-means statistics and token counts are all sums over images, so one operation
//! joins the processes of a run: add up what each of them has.
//!
//! A process that fails must not leave the others waiting in a sum for ever. What all processes
//! can see (they bring different numbers of values, or are at different calls) is an error on all
//! of them; what one alone meets ends the whole run, by [`run`].

mod launch;
#[cfg(feature = "mpi")]
mod mpi;
mod solo;

#[cfg(feature = "mpi")]
pub use self::mpi::{CHUNK, Mpi};
pub use self::solo::Solo;
use crate::error::TrainError;

/// Sums over the processes of a run. Every process makes the same calls in the same order.
pub trait Collective: std::fmt::Debug {
    /// This process, `0..world`.
    fn rank(&self) -> usize;

    /// How many processes there are.
    fn world(&self) -> usize;

    /// Replaces each value by its sum over the processes, the same on all of them.
    ///
    /// # Errors
    /// [`TrainError::Collective`], on all processes, when they bring different numbers of values
    /// or are at different calls.
    fn sum_f32(&self, values: &mut [f32]) -> Result<(), TrainError>;

    /// As [`Collective::sum_f32`].
    ///
    /// # Errors
    /// As [`Collective::sum_f32`].
    fn sum_f64(&self, values: &mut [f64]) -> Result<(), TrainError>;

    /// As [`Collective::sum_f32`]; exact while sums fit into 64 bits.
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
    /// As [`Collective::sum_f32`].
    fn barrier(&self) -> Result<(), TrainError>;

    /// Ends the run because this process met `error`: prints it and ends every process with exit
    /// code 2. A process that runs alone gets `error` back instead.
    fn fail(&self, error: TrainError) -> TrainError;
}

/// Joins the run that this process was started for, does `work` in it, and leaves.
///
/// # Errors
/// [`TrainError::Collective`] when a launcher started several processes and MPI is not in this
/// build or sees another number: each process would train the whole model over the others' files.
/// For a process that runs alone also those of `work`; an error of one among several ends all.
pub fn run<T>(
    work: impl FnOnce(&dyn Collective) -> Result<T, TrainError>,
) -> Result<T, TrainError> {
    let collective = join()?;
    work(&*collective).map_err(|error| collective.fail(error))
}

/// [`run`]'s way in: alone, unless a launcher such as `mpirun` started several. Leaves the run
/// when dropped; a panic ends the other processes too.
fn join() -> Result<Box<dyn Collective>, TrainError> {
    match launch::processes(launch::environment) {
        0 | 1 => Ok(Box::new(Solo)),
        processes => join_several(processes),
    }
}

#[cfg(feature = "mpi")]
fn join_several(processes: usize) -> Result<Box<dyn Collective>, TrainError> {
    Ok(Box::new(Mpi::join(processes)?))
}

#[cfg(not(feature = "mpi"))]
fn join_several(processes: usize) -> Result<Box<dyn Collective>, TrainError> {
    Err(TrainError::Collective(format!(
        "a launcher started {processes} of them, and this build cannot join them; build with \
         --features mpi"
    )))
}

/// This process among those of the run on the same machine, from 0: which of the machine's GPUs
/// it takes.
pub fn local_rank() -> usize {
    launch::local_rank(launch::environment)
}
