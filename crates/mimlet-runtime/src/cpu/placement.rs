//! Threads of a pool away from the core that they are woken from.
//!
//! Linux looks for an idle core only where it expects one to be worth the search. On two cores half busy it
//! often leaves a woken thread on its waker's core, where it waits until the image is done: one that takes
//! milliseconds is encoded by one thread, as long as images come with pauses.

use alloc::vec::Vec;
use rayon::ThreadPool;
use rustix::thread::{CpuSet, Pid, gettid, sched_getaffinity, sched_getcpu, sched_setaffinity};

/// Where threads may run.
#[derive(Debug)]
pub(super) struct Placement {
    threads: Vec<Pid>,
    /// The core they keep off.
    avoided: Option<usize>,
}

impl Placement {
    pub(super) fn of(pool: &ThreadPool) -> Self {
        Self {
            threads: pool.broadcast(|_| gettid()),
            avoided: None,
        }
    }

    /// Lets the threads run where the caller may, but not where it runs now; there, too, if there are not
    /// enough other cores for all of them. It is a hint: where the system does not take it, threads stay
    /// where they are.
    pub(super) fn avoid_caller(&mut self) {
        let core = sched_getcpu();
        if self.avoided.replace(core) == Some(core) {
            return;
        }
        let Some(cores) = cores(core, self.threads.len()) else {
            return;
        };
        for &thread in &self.threads {
            let _ = sched_setaffinity(Some(thread), &cores);
        }
    }
}

/// The cores where the caller may run, but for `core` if that leaves `threads` or more.
fn cores(core: usize, threads: usize) -> Option<CpuSet> {
    let mut cores = sched_getaffinity(None).ok()?;
    if cores.count() as usize > threads && core < CpuSet::MAX_CPU {
        cores.unset(core);
    }
    Some(cores)
}

#[cfg(test)]
mod tests {
    use super::{Placement, cores};
    use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
    use std::thread;

    /// Runs `check` in a thread of its own, whose cores are nobody else's business.
    fn apart(check: fn()) {
        thread::spawn(check).join().unwrap();
    }

    #[test]
    fn a_caller_with_one_core_shares_it() {
        apart(|| {
            let core = sched_getcpu();
            let mut one = CpuSet::new();
            one.set(core);
            sched_setaffinity(None, &one).unwrap();
            assert!(cores(core, 1).unwrap() == one);
        });
    }

    #[test]
    fn threads_keep_off_the_callers_core_where_there_are_enough_others() {
        apart(|| {
            let all = sched_getaffinity(None).unwrap();
            let others = all.count() as usize - 1;
            for threads in [1, others.max(1), others + 1] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                let pool = pool.unwrap();
                let mut placement = Placement::of(&pool);
                // At first, and when it has run elsewhere.
                for before in [None, Some(usize::MAX)] {
                    placement.avoided = before;
                    pool.broadcast(|_| sched_setaffinity(None, &all).unwrap());
                    placement.avoid_caller();
                    let mut expected = all;
                    if threads <= others {
                        expected.unset(placement.avoided.unwrap());
                    }
                    for cores in pool.broadcast(|_| sched_getaffinity(None).unwrap()) {
                        assert!(cores == expected, "{threads} of {others}");
                    }
                }
            }
        });
    }
}
