//! Threads that work beside the caller's.

#[cfg(target_os = "linux")]
use super::placement::Placement;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Threads that sleep until the caller has work for them, and does a part of it.
#[derive(Debug)]
pub(crate) struct Pool {
    threads: ThreadPool,
    #[cfg(target_os = "linux")]
    placement: Placement,
}

impl Pool {
    /// `count` threads with the caller's; none where that is all, or the system has no more to give.
    pub(crate) fn with_caller(count: usize) -> Option<Self> {
        if count < 2 {
            return None;
        }
        let builder = ThreadPoolBuilder::new().num_threads(count - 1);
        let threads = builder.build().ok()?;
        Some(Self {
            #[cfg(target_os = "linux")]
            placement: Placement::of(&threads),
            threads,
        })
    }

    /// How many threads there are, with the caller's.
    pub(crate) fn count(&self) -> usize {
        self.threads.current_num_threads() + 1
    }

    /// The threads other than the caller's, away from its core where the system can be told.
    pub(crate) fn beside_caller(&mut self) -> &ThreadPool {
        #[cfg(target_os = "linux")]
        self.placement.avoid_caller();
        &self.threads
    }
}
