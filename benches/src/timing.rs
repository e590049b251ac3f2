//! Wall times of runs that take turns.

use std::time::{Duration, Instant};

/// Counted runs of a contestant each time its turn comes.
pub const RUNS_PER_TURN: usize = 5;

/// Times of one contestant, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Sorts times of which there is at least one.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn new(mut times: Vec<Duration>) -> Self {
        assert!(!times.is_empty(), "no run was timed");
        times.sort();
        Self(times)
    }

    /// The time that a share of the runs, 0..1, does not exceed, in milliseconds.
    #[must_use]
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let last = self.0.len() - 1;
        let index = (share * last as f64).round() as usize;
        self.0[index.min(last)].as_secs_f64() * 1e3
    }

    /// The middle time, in milliseconds.
    #[must_use]
    pub fn median_ms(&self) -> f64 {
        self.quantile_ms(0.5)
    }
}

/// Times each contestant in `turns` turns, one after the other, so that what else the machine does
/// meets all alike. Each turn is [`RUNS_PER_TURN`] runs, after one that brings threads back to their
/// cores and data back to their caches and is not counted.
pub fn interleaved(turns: usize, contestants: &mut [&mut dyn FnMut()]) -> Vec<Times> {
    let mut times = vec![Vec::with_capacity(turns * RUNS_PER_TURN); contestants.len()];
    for _ in 0..turns {
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            contestant();
            for _ in 0..RUNS_PER_TURN {
                let start = Instant::now();
                contestant();
                times.push(start.elapsed());
            }
        }
    }
    times.into_iter().map(Times::new).collect()
}

#[cfg(test)]
mod tests {
    use super::{RUNS_PER_TURN, Times, interleaved};
    use std::time::Duration;

    #[test]
    fn quantiles_are_of_the_sorted_times() {
        let times = Times::new([5, 1, 3, 2, 4].map(Duration::from_millis).into());
        assert_eq!(times.median_ms(), 3.0);
        assert_eq!((times.quantile_ms(0.0), times.quantile_ms(1.0)), (1.0, 5.0));
    }

    #[test]
    fn contestants_take_turns() {
        let order = std::cell::RefCell::new(Vec::new());
        let mut first = || order.borrow_mut().push(1);
        let mut second = || order.borrow_mut().push(2);
        let times = interleaved(2, &mut [&mut first, &mut second]);
        let turn = |who| [who].repeat(1 + RUNS_PER_TURN);
        assert_eq!(*order.borrow(), [turn(1), turn(2)].concat().repeat(2));
        assert_eq!(times.len(), 2);
    }
}
