//! Wall times of runs that take turns.

use std::time::{Duration, Instant};

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

/// Times each contestant `rounds` times, all taking turns so that what else the machine does meets
/// all alike. Three rounds before the first are not counted.
pub fn interleaved(rounds: usize, contestants: &mut [&mut dyn FnMut()]) -> Vec<Times> {
    const WARM_UP: usize = 3;
    let mut times = vec![Vec::with_capacity(rounds); contestants.len()];
    for round in 0..WARM_UP + rounds {
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            let start = Instant::now();
            contestant();
            if round >= WARM_UP {
                times.push(start.elapsed());
            }
        }
    }
    times.into_iter().map(Times::new).collect()
}

#[cfg(test)]
mod tests {
    use super::{Times, interleaved};
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
        assert_eq!(*order.borrow(), [1, 2].repeat(5));
        assert_eq!(times.len(), 2);
    }
}
