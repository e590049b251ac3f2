//! Threads, each with blocks of rows of its own. Every row is computed the same way whoever computes
//! it, so the number of threads never changes a result.

use super::block::{Block, Shared};
use super::program::Segment;
use alloc::vec::Vec;
use mimlet_format::AlignedBytes;

/// More threads than this are not used.
#[cfg(feature = "std")]
const MAX_THREADS: usize = 64;

/// A thread's blocks, and its scratch.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) blocks: Vec<Block>,
    pub(super) scratch: AlignedBytes,
}

impl Worker {
    /// Runs a segment on each block, and tells `done` the number of each piece of work when it is.
    pub(super) fn run(
        &mut self,
        segment: &Segment<'_>,
        shared: Shared<'_>,
        done: &mut dyn FnMut(usize),
    ) {
        for block in &mut self.blocks {
            let scratch = bytemuck::cast_slice_mut(&mut self.scratch);
            block.run(segment, shared, scratch, done);
        }
    }
}

/// A pool of threads, or just the caller's.
#[derive(Debug)]
pub(super) struct Threads {
    count: usize,
    #[cfg(feature = "std")]
    pool: Option<rayon::ThreadPool>,
}

impl Threads {
    /// `count` threads, at least 1. Falls back to the caller's thread when the system has no more to
    /// give.
    #[cfg(feature = "std")]
    pub(super) fn new(count: usize) -> Self {
        let count = count.min(MAX_THREADS);
        let build = || {
            rayon::ThreadPoolBuilder::new()
                .num_threads(count)
                .build()
                .ok()
        };
        let pool = (count > 1).then(build).flatten();
        Self {
            count: pool.as_ref().map_or(1, |_| count),
            pool,
        }
    }

    /// The caller's thread.
    #[cfg(not(feature = "std"))]
    pub(super) fn new(_count: usize) -> Self {
        Self { count: 1 }
    }

    /// Number of threads.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Runs `f` on a thread of the pool.
    pub(super) fn enter<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        #[cfg(feature = "std")]
        if let Some(pool) = &self.pool {
            return pool.install(f);
        }
        f()
    }

    /// Runs `f` with each worker, a thread for each.
    pub(super) fn each(&self, workers: &mut [Worker], f: impl Fn(&mut Worker) + Send + Sync) {
        #[cfg(feature = "std")]
        if self.pool.is_some() {
            use rayon::iter::{
                IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator,
            };
            return workers.par_iter_mut().with_max_len(1).for_each(f);
        }
        for worker in workers {
            f(worker);
        }
    }
}
