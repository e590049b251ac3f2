//! Threads of a pool away from the core that they are woken from.
//!
//! Linux looks for an idle core only where it expects one to be worth the search. On two cores half busy it
//! often leaves a woken thread on its waker's core, where it waits until the image is done: one that takes
//! milliseconds is encoded by one thread, as long as images come with pauses.

use rayon::ThreadPool;
use rustix::thread::{CpuSet, Pid, gettid, sched_getaffinity, sched_getcpu, sched_setaffinity};
use std::vec::Vec;

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

    /// Lets the threads run where the caller may, but not where it runs now; there, too, if it may run
    /// nowhere else. It is a hint: where the system does not take it, threads stay where they are.
    pub(super) fn avoid_caller(&mut self) {
        let core = sched_getcpu();
        if self.avoided.replace(core) == Some(core) {
            return;
        }
        let Some(cores) = others(core) else { return };
        for &thread in &self.threads {
            let _ = sched_setaffinity(Some(thread), &cores);
        }
    }
}

/// The cores where the caller may run but for `core`, or with it, where there is no other.
fn others(core: usize) -> Option<CpuSet> {
    let mut cores = sched_getaffinity(None).ok()?;
    if cores.count() > 1 && core < CpuSet::MAX_CPU {
        cores.unset(core);
    }
    Some(cores)
}

#[cfg(test)]
mod tests {
    use super::{Placement, others};
    use rustix::thread::{sched_getaffinity, sched_getcpu, sched_setaffinity};
    use std::thread;

    /// In a thread of its own, whose cores are nobody else's business.
    #[test]
    fn threads_keep_off_the_callers_core_unless_there_is_no_other() {
        let check = || {
            let all = sched_getaffinity(None).unwrap();
            let core = sched_getcpu();
            // So that it stays there.
            let mut one = rustix::thread::CpuSet::new();
            one.set(core);
            sched_setaffinity(None, &one).unwrap();
            assert!(others(core).unwrap() == one);

            let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build();
            let pool = pool.unwrap();
            let mut placement = Placement::of(&pool);
            sched_setaffinity(None, &all).unwrap();
            placement.avoid_caller();
            let core = placement.avoided.unwrap();
            let mut expected = all;
            expected.unset(core);
            if expected.count() == 0 {
                expected = all;
            }
            for cores in pool.broadcast(|_| sched_getaffinity(None).unwrap()) {
                assert!(cores == expected);
            }
        };
        thread::spawn(check).join().unwrap();
    }
}
