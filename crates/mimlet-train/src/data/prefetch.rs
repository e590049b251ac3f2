//! Work done ahead by other threads, handed over in order.
//!
//! Workers are plain threads: a rayon pool that is busy with the model's own arithmetic would let
//! samples wait behind it. Each task has a place in the queue before it begins, so what comes out
//! does not depend on the number of workers, and no more than `ahead` results ever wait.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::rate::Rate;
use crate::config::DataConfig;
use crate::error::TrainError;

/// How much is done ahead, and by how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ahead {
    /// Threads that work.
    pub workers: usize,
    /// Tasks begun or finished that the consumer has not taken.
    pub tasks: usize,
}

impl Ahead {
    /// For whole batches: `[data] workers` threads, and two batches ready or begun beyond those
    /// at work, so a slow one is caught up with.
    pub fn of_batches(config: &DataConfig) -> Self {
        let workers = config.worker_count();
        Self {
            workers,
            tasks: workers + 2,
        }
    }
}

/// What a worker made of a task, or the panic it ended in.
type Outcome<T> = Result<Result<T, TrainError>, Box<dyn Any + Send>>;

/// A task and where its outcome goes.
type Order<K, T> = (K, Sender<Outcome<T>>);

/// What workers and consumer share.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    busy_nanoseconds: AtomicU64,
}

/// Results in the order of their tasks. After an error, or the last task, there is no more.
///
/// A worker's panic goes on in the consumer's thread, at its place in the order.
#[derive(Debug)]
pub struct Ordered<'a, I, K, T> {
    tasks: I,
    orders: Option<Sender<Order<K, T>>>,
    waiting: VecDeque<Receiver<Outcome<T>>>,
    ahead: Ahead,
    shared: &'a Shared,
    started: Instant,
    waited: Duration,
    taken: usize,
}

/// Gives `tasks` to threads that `make` results of them, and to `consume` an iterator of the
/// results in the tasks' order. Returns what `consume` returns, after the threads have ended.
///
/// When `consume` returns before the last result, the workers finish what they are at and stop.
///
/// ```
/// use mimlet_train::data::prefetch::{Ahead, ordered};
///
/// let ahead = Ahead { workers: 2, tasks: 4 };
/// let squares = ordered(0..10u64, ahead, |n| Ok(n * n), |results| {
///     results.collect::<Result<Vec<_>, _>>()
/// })?;
/// assert_eq!(squares[9], 81);
/// # Ok::<(), mimlet_train::TrainError>(())
/// ```
pub fn ordered<I, K, T, R>(
    tasks: I,
    ahead: Ahead,
    make: impl Fn(K) -> Result<T, TrainError> + Sync,
    consume: impl FnOnce(&mut Ordered<'_, I::IntoIter, K, T>) -> R,
) -> R
where
    I: IntoIterator<Item = K>,
    K: Send,
    T: Send,
{
    let shared = Shared::default();
    let (orders, queue) = unbounded();
    thread::scope(|scope| {
        for _ in 0..ahead.workers.max(1) {
            let (queue, make, shared) = (queue.clone(), &make, &shared);
            scope.spawn(move || work(&queue, make, shared));
        }
        drop(queue);
        let mut results = Ordered {
            tasks: tasks.into_iter(),
            orders: Some(orders),
            waiting: VecDeque::new(),
            ahead,
            shared: &shared,
            started: Instant::now(),
            waited: Duration::ZERO,
            taken: 0,
        };
        results.fill();
        consume(&mut results)
    })
}

/// One worker: takes orders until there are none, or until it is told to stop.
fn work<K, T>(
    queue: &Receiver<Order<K, T>>,
    make: &(impl Fn(K) -> Result<T, TrainError> + Sync),
    shared: &Shared,
) {
    for (task, reply) in queue {
        if shared.stop.load(Relaxed) {
            return;
        }
        let began = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| make(task)));
        let nanoseconds = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        shared.busy_nanoseconds.fetch_add(nanoseconds, Relaxed);
        // A consumer that has gone needs no answer.
        let _ = reply.send(outcome);
    }
}

impl<I: Iterator<Item = K>, K, T> Ordered<'_, I, K, T> {
    /// Orders tasks until enough are under way.
    fn fill(&mut self) {
        while self.waiting.len() < self.ahead.tasks.max(1)
            && let Some(orders) = &self.orders
        {
            let Some(task) = self.tasks.next() else {
                self.orders = None;
                return;
            };
            let (reply, outcome) = bounded(1);
            if orders.send((task, reply)).is_err() {
                self.orders = None;
                return;
            }
            self.waiting.push_back(outcome);
        }
    }
}

impl<I, K, T> Ordered<'_, I, K, T> {
    /// What has been made and waited for so far.
    pub fn rate(&self) -> Rate {
        Rate {
            made: self.taken,
            workers: self.ahead.workers.max(1),
            busy: Duration::from_nanos(self.shared.busy_nanoseconds.load(Relaxed)),
            waited: self.waited,
            elapsed: self.started.elapsed(),
        }
    }

    /// Takes no further order, and lets the workers drop those they have not begun.
    fn stop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        self.orders = None;
        self.waiting.clear();
    }
}

impl<I: Iterator<Item = K>, K, T> Iterator for Ordered<'_, I, K, T> {
    type Item = Result<T, TrainError>;

    fn next(&mut self) -> Option<Self::Item> {
        let outcome = self.waiting.pop_front()?;
        let began = Instant::now();
        let outcome = outcome.recv();
        self.waited += began.elapsed();
        match outcome {
            Ok(Ok(Ok(result))) => {
                self.taken += 1;
                self.fill();
                Some(Ok(result))
            }
            Ok(Ok(Err(error))) => {
                self.stop();
                Some(Err(error))
            }
            Ok(Err(panic)) => {
                self.stop();
                resume_unwind(panic)
            }
            // Workers answer every order they take up, and take up all while none has stopped.
            Err(_) => {
                self.stop();
                None
            }
        }
    }
}

impl<I, K, T> Drop for Ordered<'_, I, K, T> {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::atomic::AtomicUsize;

    fn ahead(workers: usize, tasks: usize) -> Ahead {
        Ahead { workers, tasks }
    }

    /// Work whose length differs from task to task, so that workers overtake each other.
    fn uneven(task: usize) -> usize {
        let rounds = (task * 7919) % 13 * 2000;
        (0..rounds).fold(task, |sum, n| std::hint::black_box(sum ^ n ^ n))
    }

    #[test]
    fn results_come_in_order_whatever_the_workers() {
        let expected: Vec<usize> = (0..200).map(uneven).collect();
        for (workers, tasks) in [(1, 1), (1, 8), (2, 3), (4, 1), (5, 64), (0, 0)] {
            let found = ordered(
                0..200,
                ahead(workers, tasks),
                |n| Ok(uneven(n)),
                |results| results.collect::<Result<Vec<_>, _>>().unwrap(),
            );
            assert_eq!(found, expected, "{workers} workers");
        }
        let none = ordered(
            0..0,
            ahead(2, 2),
            |n| Ok(uneven(n)),
            |results| results.count(),
        );
        assert_eq!(none, 0);
    }

    #[test]
    fn no_more_is_begun_than_asked_for() {
        let begun = AtomicUsize::new(0);
        let make = |n: usize| {
            begun.fetch_add(1, Relaxed);
            Ok(n)
        };
        ordered(0..100, ahead(3, 5), make, |results| {
            for taken in 0..100 {
                // Those taken, and at most five more.
                assert!(begun.load(Relaxed) <= taken + 5);
                results.next().unwrap().unwrap();
            }
            assert_eq!(results.rate().made, 100);
        });
        assert_eq!(begun.load(Relaxed), 100);
    }

    #[test]
    fn an_error_comes_at_its_place_and_ends_it() {
        let make = |n: usize| match n {
            7 => Err(TrainError::Config("seven".into())),
            _ => Ok(n),
        };
        let found: Vec<Result<usize, String>> = ordered(0..50, ahead(4, 16), make, |results| {
            results.map(|r| r.map_err(|e| e.to_string())).collect()
        });
        assert_eq!(found.len(), 8);
        assert_eq!(found[6], Ok(6));
        assert_eq!(found[7], Err("configuration: seven".into()));
    }

    #[test]
    fn a_panic_comes_at_its_place() {
        let seen = Mutex::new(Vec::new());
        let make = |n: usize| {
            assert!(n != 5, "task five");
            Ok(n)
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            ordered(0..50, ahead(3, 9), make, |results| {
                for result in results {
                    seen.lock().unwrap().push(result.unwrap());
                }
            });
        }));
        let panic = outcome.unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"task five"));
        assert_eq!(*seen.lock().unwrap(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn leaving_early_stops_the_workers() {
        let begun = AtomicUsize::new(0);
        let make = |n: usize| {
            begun.fetch_add(1, Relaxed);
            Ok(n)
        };
        // An endless row of tasks: this returns only because the workers stop.
        let first = ordered(0.., ahead(2, 8), make, |results| results.next());
        assert_eq!(first.unwrap().unwrap(), 0);
        assert!(begun.load(Relaxed) <= 9);
    }
}
