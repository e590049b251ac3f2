//! Processes joined by MPI, whichever library the machine has.
//!
//! MPI ends the run itself when a message fails (its errors are fatal), so methods fail only for
//! what the processes do differently.

use std::fmt;

use mpi::collective::SystemOperation;
use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives, Equivalence, Root};
use mpi::{Rank, Threading};

use super::Collective;
use crate::error::TrainError;

/// Values in one message. MPI counts in 32 bits, and a sum copies what it sends.
pub const CHUNK: usize = 1 << 20;

/// One of several processes.
pub struct Mpi {
    world: SimpleCommunicator,
    /// Leaves MPI when dropped.
    _universe: Universe,
}

/// What the processes do together; [`Call::Broadcast`] with its root.
#[derive(Debug, Clone, Copy)]
enum Call {
    Barrier,
    SumF32,
    SumF64,
    SumU64,
    Broadcast(usize),
}

impl Mpi {
    /// Joins the `processes` that the launcher started.
    ///
    /// # Errors
    /// [`TrainError::Collective`] when MPI was joined before, allows no other threads or sees
    /// another number of processes.
    pub(super) fn join(processes: usize) -> Result<Self, TrainError> {
        let wrong = |reason: String| Err(TrainError::Collective(reason));
        // Images are decoded on other threads, all messages pass through this one.
        let Some((universe, threads)) = mpi::initialize_with_threading(Threading::Funneled) else {
            return wrong("this process has joined MPI before".into());
        };
        if threads < Threading::Funneled {
            return wrong("this MPI library allows no threads; use one that does".into());
        }
        let world = universe.world();
        if usize::try_from(world.size()) != Ok(processes) {
            return wrong(format!(
                "a launcher started {processes} of them, MPI sees {}; use the mpirun of the MPI \
                 library of this build, or srun with --mpi",
                world.size()
            ));
        }
        Ok(Self {
            world,
            _universe: universe,
        })
    }

    /// Fails on every process when they are at different calls or bring different counts.
    fn agree(&self, call: Call, count: usize) -> Result<(), TrainError> {
        let mine = [call.code(), !call.code(), count as u64, !(count as u64)];
        // The binding takes both buffers to be of one type, and does not check it.
        let mut largest = [0u64; 4];
        self.world
            .all_reduce_into(&mine[..], &mut largest[..], SystemOperation::max());
        // The largest complement is the complement of the smallest.
        let [code, code_low, values, values_low] = largest;
        if code == !code_low && values == !values_low {
            return Ok(());
        }
        Err(TrainError::Collective(format!(
            "process {} is at {call:?} of {count} values, others at another call or of {} to {} \
             values; give all the same configuration and data",
            self.rank(),
            !values_low,
            values
        )))
    }

    fn sum<T: Equivalence + Copy>(&self, call: Call, values: &mut [T]) -> Result<(), TrainError> {
        self.agree(call, values.len())?;
        let mut mine = Vec::with_capacity(CHUNK.min(values.len()));
        for chunk in values.chunks_mut(CHUNK) {
            mine.clear();
            mine.extend_from_slice(chunk);
            self.world
                .all_reduce_into(&mine[..], chunk, SystemOperation::sum());
        }
        Ok(())
    }
}

impl Call {
    fn code(self) -> u64 {
        match self {
            Self::Barrier => 0,
            Self::SumF32 => 1,
            Self::SumF64 => 2,
            Self::SumU64 => 3,
            Self::Broadcast(root) => 4 + root as u64,
        }
    }
}

impl Collective for Mpi {
    fn rank(&self) -> usize {
        self.world.rank() as usize
    }

    fn world(&self) -> usize {
        self.world.size() as usize
    }

    fn sum_f32(&self, values: &mut [f32]) -> Result<(), TrainError> {
        self.sum(Call::SumF32, values)
    }

    fn sum_f64(&self, values: &mut [f64]) -> Result<(), TrainError> {
        self.sum(Call::SumF64, values)
    }

    fn sum_u64(&self, values: &mut [u64]) -> Result<(), TrainError> {
        self.sum(Call::SumU64, values)
    }

    fn broadcast_f32(&self, root: usize, values: &mut [f32]) -> Result<(), TrainError> {
        self.agree(Call::Broadcast(root), values.len())?;
        if root >= self.world() {
            return Err(TrainError::Collective(format!(
                "process {root} cannot broadcast: there are {}",
                self.world()
            )));
        }
        let root = self.world.process_at_rank(root as Rank);
        for chunk in values.chunks_mut(CHUNK) {
            root.broadcast_into(chunk);
        }
        Ok(())
    }

    fn barrier(&self) -> Result<(), TrainError> {
        // No process learns that all agree before each has said so.
        self.agree(Call::Barrier, 0)
    }

    fn fail(&self, error: TrainError) -> TrainError {
        let (rank, world) = (self.rank(), self.world());
        eprintln!("mimlet-train: process {rank} of {world}: {error}");
        self.world.abort(2)
    }
}

impl fmt::Debug for Mpi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mpi({} of {})", self.world.rank(), self.world.size())
    }
}

impl Drop for Mpi {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.world.abort(101);
        }
    }
}
