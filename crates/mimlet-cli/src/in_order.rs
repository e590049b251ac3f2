//! Work shared out among threads, its results in order.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Pieces of work that each thread may be ahead of the one whose turn it is: results that wait take
/// memory.
const AHEAD: usize = 2;

/// Gives `deliver` what `work` makes of each of `0..count`, in order; every worker has a thread of its
/// own. Nothing is begun any more once `deliver` has failed.
///
/// # Errors
/// The first of `deliver`.
///
/// # Panics
/// When `work` does.
pub(crate) fn in_order<W: Send, T: Send, E>(
    workers: Vec<W>,
    count: usize,
    work: impl Fn(&mut W, usize) -> T + Sync,
    mut deliver: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let ahead = (workers.len() * AHEAD).max(1);
    let queue = Queue {
        count,
        state: Mutex::new(State {
            begun: 0,
            turn: 0,
            ended: false,
            done: (0..ahead).map(|_| None).collect(),
        }),
        changed: Condvar::new(),
    };
    thread::scope(|scope| {
        for mut worker in workers {
            let (queue, work) = (&queue, &work);
            scope.spawn(move || {
                let ends = EndsAll(queue);
                while let Some(index) = queue.next() {
                    queue.put(index, work(&mut worker, index));
                }
                // Only a panic ends the others.
                std::mem::forget(ends);
            });
        }
        let _ends = EndsAll(&queue);
        while let Some(result) = queue.take() {
            deliver(result)?;
        }
        Ok(())
    })
}

/// What is to be done, and what is done.
struct Queue<T> {
    count: usize,
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    /// Pieces that a worker has.
    begun: usize,
    /// The piece to be delivered next.
    turn: usize,
    /// Whether no more is wanted.
    ended: bool,
    /// Results of the pieces from `turn` on, each in the place of its number modulo their count: no
    /// piece is begun that is farther ahead.
    done: Vec<Option<T>>,
}

impl<T> State<T> {
    /// Where the result of a piece waits.
    fn place(&mut self, index: usize) -> &mut Option<T> {
        let places = self.done.len();
        &mut self.done[index % places]
    }
}

impl<T> Queue<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(&self, waits: impl Fn(&State<T>) -> bool) -> MutexGuard<'_, State<T>> {
        let waited = self.changed.wait_while(self.lock(), |state| waits(state));
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    /// The next piece of work, once it is near its turn.
    fn next(&self) -> Option<usize> {
        let mut state = self.wait_while(|state| {
            let is_early = state.begun >= state.turn + state.done.len();
            is_early && state.begun < self.count && !state.ended
        });
        let index = state.begun;
        state.begun += 1;
        (index < self.count && !state.ended).then_some(index)
    }

    fn put(&self, index: usize, result: T) {
        *self.lock().place(index) = Some(result);
        self.changed.notify_all();
    }

    /// The result whose turn it is; none after the last.
    fn take(&self) -> Option<T> {
        let mut state = self.wait_while(|state| {
            let is_due = state.done[state.turn % state.done.len()].is_some();
            !is_due && state.turn < self.count && !state.ended
        });
        let turn = state.turn;
        state.turn += 1;
        let result = state.place(turn).take();
        drop(state);
        self.changed.notify_all();
        result
    }
}

/// Ends all work when it is dropped.
struct EndsAll<'q, T>(&'q Queue<T>);

impl<T> Drop for EndsAll<'_, T> {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::{AHEAD, in_order};
    use std::panic::catch_unwind;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Later pieces are done first: each waits until the ones after it, as far as they may begin, are.
    #[test]
    fn results_come_in_order_however_they_are_finished() {
        let done: [AtomicUsize; 3] = Default::default();
        let mut delivered = Vec::new();
        let work = |_: &mut (), index: usize| {
            while index % 3 != 2 && done[index % 3 + 1].load(Ordering::Acquire) <= index / 3 {
                std::thread::yield_now();
            }
            done[index % 3].fetch_add(1, Ordering::Release);
            index
        };
        let deliver = |index| -> Result<(), ()> {
            delivered.push(index);
            Ok(())
        };
        in_order(vec![(); 3], 30, work, deliver).unwrap();
        assert_eq!(delivered, (0..30).collect::<Vec<_>>());
    }

    #[test]
    fn a_failure_is_the_first_in_order_and_ends_the_work() {
        let begun = AtomicUsize::new(0);
        let work = |_: &mut (), index: usize| {
            begun.fetch_add(1, Ordering::Relaxed);
            if index < 5 { Ok(()) } else { Err(index) }
        };
        let failure = in_order(vec![(); 2], 1000, work, |result| result);
        assert_eq!(failure, Err(5));
        assert!(begun.into_inner() <= 6 + 2 * AHEAD);
    }

    #[test]
    fn nobody_runs_far_ahead() {
        let begun = AtomicUsize::new(0);
        let mut delivered = 0;
        let work = |_: &mut (), _| begun.fetch_add(1, Ordering::Relaxed);
        let deliver = |_| -> Result<(), ()> {
            delivered += 1;
            assert!(begun.load(Ordering::Relaxed) <= delivered + 3 * AHEAD);
            Ok(())
        };
        in_order(vec![(); 3], 200, work, deliver).unwrap();
        assert_eq!(delivered, 200);
    }

    #[test]
    fn a_panic_of_a_worker_is_the_callers() {
        let work = |_: &mut (), index: usize| assert!(index < 7, "work {index}");
        let run = || in_order(vec![(); 2], 100, work, |()| -> Result<(), ()> { Ok(()) });
        assert!(catch_unwind(run).is_err());
    }

    #[test]
    fn nothing_to_do_is_done() {
        let work = |_: &mut (), _| ();
        assert_eq!(in_order(vec![(); 2], 0, work, |()| Err(())), Ok(()));
    }
}
