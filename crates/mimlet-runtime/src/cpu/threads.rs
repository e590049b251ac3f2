//! Threads, each with blocks of rows of its own. Every row is computed the same way whoever computes
//! it, so the number of threads never changes a result.

use super::block::{Block, Shared};
#[cfg(feature = "std")]
use super::crew::Crew;
#[cfg(feature = "std")]
use super::pool::Pool;
use super::program::Segment;
use alloc::vec::Vec;
use core::{mem, slice};
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

/// The caller's thread, and those of a pool.
#[derive(Debug)]
pub(super) struct Threads {
    #[cfg(feature = "std")]
    pool: Option<Pool>,
}

impl Threads {
    /// `count` threads, at least 1, of which the caller's is one. Falls back to the caller's alone when the
    /// system has no more to give.
    #[cfg(feature = "std")]
    pub(super) fn new(count: usize) -> Self {
        Self {
            pool: Pool::with_caller(count.min(MAX_THREADS)),
        }
    }

    /// The caller's thread.
    #[cfg(not(feature = "std"))]
    pub(super) fn new(_count: usize) -> Self {
        Self {}
    }

    /// Number of threads.
    pub(super) fn count(&self) -> usize {
        #[cfg(feature = "std")]
        if let Some(pool) = &self.pool {
            return pool.count();
        }
        1
    }

    /// Runs each of `segments` segments with every worker, one segment after the other: `run` is given the
    /// worker, the segment's number, and what each block has packed in the segment before.
    pub(super) fn each_segment(
        &mut self,
        segments: usize,
        workers: &mut [Worker],
        packed: &mut [AlignedBytes],
        run: impl Fn(&mut Worker, usize, &[AlignedBytes]) + Sync,
    ) {
        #[cfg(feature = "std")]
        if let Some(pool) = &mut self.pool {
            return Crew::new(segments, workers, packed, run).run(pool.beside_caller());
        }
        for segment in 0..segments {
            for worker in &mut *workers {
                run(worker, segment, packed);
            }
            let mut packed = packed.iter_mut();
            for worker in &mut *workers {
                exchange(&mut packed, worker);
            }
        }
    }
}

/// Takes what a worker's blocks have packed, the next of `packed`, for what they pack next.
pub(super) fn exchange(packed: &mut slice::IterMut<'_, AlignedBytes>, worker: &mut Worker) {
    // Where there is one block, it keeps its own: there is none of `packed`.
    for (block, packed) in worker.blocks.iter_mut().zip(packed) {
        mem::swap(packed, &mut block.packed);
    }
}
