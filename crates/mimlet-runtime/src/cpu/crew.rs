//! One image's segments, shared out among the caller's thread and those of a pool.
//!
//! The caller works, too, and within an image nobody sleeps who does not wait for a thread without a core.
//! An operating system puts a thread that it wakes on a core that is idle at that moment. A caller that hands
//! its work to a thread of the pool and sleeps still keeps its own core busy when that thread wakes the next
//! one, which then waits behind its waker; and of a model whose layers take less than waking does, threads
//! that sleep in between get nothing.

use super::threads::{Worker, exchange};
use alloc::vec::Vec;
use core::hint;
use core::sync::atomic::{AtomicUsize, Ordering};
use mimlet_format::AlignedBytes;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

/// How often a thread looks whether a segment is over before it sleeps in between: for longer than threads
/// with as much to do are apart, some hundred microseconds. One that takes longer has no core, and may want
/// this one.
const LOOKS: usize = 20_000;

/// How long it sleeps then.
const SLEEP: Duration = Duration::from_micros(50);

/// What [`Crew::over`] is once a thread has panicked.
const NEVER: usize = usize::MAX;

/// An image under way.
pub(super) struct Crew<'a, R> {
    shares: Vec<Share<'a>>,
    /// Keys and values of each block, of the segment before.
    packed: RwLock<&'a mut [AlignedBytes]>,
    segments: usize,
    /// How many segments are over.
    over: AtomicUsize,
    /// How many shares of the segment under way are done.
    done: AtomicUsize,
    run: R,
}

/// A worker, and how many of its segments some thread has begun.
struct Share<'a> {
    worker: Mutex<&'a mut Worker>,
    begun: AtomicUsize,
}

impl<'a, R: Fn(&mut Worker, usize, &[AlignedBytes]) + Sync> Crew<'a, R> {
    pub(super) fn new(
        segments: usize,
        workers: &'a mut [Worker],
        packed: &'a mut [AlignedBytes],
        run: R,
    ) -> Self {
        let share = |worker| Share {
            worker: Mutex::new(worker),
            begun: AtomicUsize::new(0),
        };
        Self {
            shares: workers.iter_mut().map(share).collect(),
            packed: RwLock::new(packed),
            segments,
            over: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            run,
        }
    }

    /// Works on all segments, on the caller's thread and those of `pool`, one for each worker but the first.
    pub(super) fn run(&self, pool: &rayon::ThreadPool) {
        pool.in_place_scope(|scope| {
            // A thread begins with the same worker at every image, whose buffers are near its core.
            for _ in 1..self.shares.len() {
                scope.spawn(|_| self.work(rayon::current_thread_index().map_or(0, |own| own + 1)));
            }
            self.work(0);
        });
    }

    /// Takes its own share of each segment, then those that nobody has begun, until all segments are over.
    fn work(&self, own: usize) {
        let (before, from_own) = self.shares.split_at(own);
        loop {
            let segment = self.over.load(Ordering::Acquire);
            if segment >= self.segments {
                return;
            }
            for share in from_own.iter().chain(before) {
                self.take(share, segment);
            }
            self.wait(segment);
        }
    }

    /// Works on a share of a segment, unless somebody has begun it.
    fn take(&self, share: &Share<'_>, segment: usize) {
        let next = segment + 1;
        let begin = |begun: &AtomicUsize| {
            begun.compare_exchange(segment, next, Ordering::Relaxed, Ordering::Relaxed)
        };
        if begin(&share.begun).is_err() {
            return;
        }
        let panics = Panics(&self.over);
        let packed = self.packed.read().unwrap_or_else(PoisonError::into_inner);
        (self.run)(&mut share.worker(), segment, &packed);
        drop(packed);
        if self.done.fetch_add(1, Ordering::AcqRel) + 1 == self.shares.len() {
            self.done.store(0, Ordering::Relaxed);
            self.pass_on();
            self.over.store(next, Ordering::Release);
        }
        drop(panics);
    }

    /// Gives what the segment's blocks packed to the next segment.
    fn pass_on(&self) {
        let mut packed = self.packed.write().unwrap_or_else(PoisonError::into_inner);
        let mut packed = packed.iter_mut();
        for share in &self.shares {
            exchange(&mut packed, &mut share.worker());
        }
    }

    /// Waits until a segment is over.
    fn wait(&self, segment: usize) {
        let mut looks = 0;
        while self.over.load(Ordering::Acquire) == segment {
            if looks < LOOKS {
                looks += 1;
                hint::spin_loop();
            } else {
                thread::sleep(SLEEP);
            }
        }
    }
}

impl<'a> Share<'a> {
    fn worker(&self) -> MutexGuard<'_, &'a mut Worker> {
        self.worker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the image for all when a thread panics: the others would wait for its share for ever.
struct Panics<'a>(&'a AtomicUsize);

impl Drop for Panics<'_> {
    fn drop(&mut self) {
        if cfg!(panic = "unwind") && thread::panicking() {
            self.0.store(NEVER, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::block::zeros;
    use super::super::threads::{Threads, Worker};
    use super::Crew;
    use core::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::Mutex;
    use std::thread;
    use std::vec::Vec;

    fn workers(count: usize) -> Vec<Worker> {
        let worker = |number| Worker {
            blocks: Vec::new(),
            scratch: zeros(number),
        };
        (0..count).map(worker).collect()
    }

    #[test]
    fn every_share_of_a_segment_is_worked_on_once_before_the_next() {
        for count in 2..5 {
            let mut threads = Threads::new(count);
            let together = threads.count();
            for segments in [0, 1, 7, 100] {
                let (seen, begun) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
                threads.each_segment(segments, &mut workers(count), &mut [], |worker, at, _| {
                    // All threads are there before any goes on.
                    begun.fetch_add(1, Ordering::Relaxed);
                    while begun.load(Ordering::Relaxed) < together {
                        thread::yield_now();
                    }
                    seen.lock().unwrap().push((at, worker.scratch.len() / 4));
                });
                let mut seen = seen.into_inner().unwrap();
                assert!(seen.is_sorted_by_key(|&(segment, _)| segment));
                seen.sort_unstable();
                let all = (0..segments).flat_map(|at| (0..count).map(move |worker| (at, worker)));
                assert!(seen.into_iter().eq(all), "{count} threads, {segments}");
            }
        }
    }

    #[test]
    fn a_caller_without_helpers_works_on_every_share() {
        let seen = Mutex::new(Vec::new());
        let mut workers = workers(3);
        let run = |worker: &mut Worker, segment, _: &[_]| {
            seen.lock()
                .unwrap()
                .push((segment, worker.scratch.len() / 4));
        };
        Crew::new(2, &mut workers, &mut [], run).work(1);
        let all = [(0, 1), (0, 2), (0, 0), (1, 1), (1, 2), (1, 0)];
        assert_eq!(seen.into_inner().unwrap(), all, "its own come first");
    }

    /// Where a panic ends a thread and not the program.
    #[cfg(panic = "unwind")]
    #[test]
    fn a_share_that_panics_ends_the_image_for_all() {
        use std::panic::{AssertUnwindSafe, catch_unwind};

        let mut threads = Threads::new(3);
        for worker_that_panics in 0..3 {
            let mut run = || {
                threads.each_segment(4, &mut workers(3), &mut [], |worker, segment, _| {
                    assert!(segment < 2 || worker.scratch.len() / 4 != worker_that_panics);
                });
            };
            assert!(catch_unwind(AssertUnwindSafe(&mut run)).is_err());
        }
        let seen = Mutex::new(0);
        threads.each_segment(4, &mut workers(3), &mut [], |_, _, _| {
            *seen.lock().unwrap() += 1;
        });
        assert_eq!(seen.into_inner().unwrap(), 12, "the pool works on");
    }
}
