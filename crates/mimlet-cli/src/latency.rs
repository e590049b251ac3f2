//! Latencies of many runs, and what is read off them.

use serde::Serialize;

/// Latencies in the order of their runs, milliseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latencies(Vec<f64>);

/// Percentiles of latencies, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) min_ms: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

impl Latencies {
    /// Adds a run.
    pub(crate) fn push(&mut self, ms: f64) {
        self.0.push(ms);
    }

    /// Number of runs.
    pub(crate) fn runs(&self) -> usize {
        self.0.len()
    }

    /// Percentiles by the nearest-rank method, so each is the latency of a real run; `None`
    /// without a run.
    pub(crate) fn percentiles(&self) -> Option<Percentiles> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let at = |percent: usize| sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1];
        Some(Percentiles {
            min_ms: sorted[0],
            p50_ms: at(50),
            p90_ms: at(90),
            p99_ms: at(99),
            max_ms: sorted[last],
        })
    }

    /// The runs that began within the first and within the last `window_ms` of the whole, when that
    /// is at least two windows long. Runs are taken to follow each other without a pause.
    pub(crate) fn ends(&self, window_ms: f64) -> Option<[Self; 2]> {
        let total: f64 = self.0.iter().sum();
        if window_ms.is_nan() || total < 2.0 * window_ms {
            return None;
        }
        let mut ends = [Self::default(), Self::default()];
        let mut start = 0.0;
        for &ms in &self.0 {
            if start < window_ms {
                ends[0].push(ms);
            }
            if start >= total - window_ms {
                ends[1].push(ms);
            }
            start += ms;
        }
        (ends[0].runs() > 0 && ends[1].runs() > 0).then_some(ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latencies(values: impl IntoIterator<Item = f64>) -> Latencies {
        Latencies(values.into_iter().collect())
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let hundred = latencies((1..=100).rev().map(f64::from));
        let found = hundred.percentiles().unwrap();
        assert_eq!(
            [
                found.min_ms,
                found.p50_ms,
                found.p90_ms,
                found.p99_ms,
                found.max_ms
            ],
            [1.0, 50.0, 90.0, 99.0, 100.0]
        );
        let one = latencies([7.0]).percentiles().unwrap();
        assert_eq!([one.p50_ms, one.p99_ms], [7.0, 7.0]);
        assert!(latencies([]).percentiles().is_none());
    }

    #[test]
    fn ends_see_a_device_slow_down() {
        let slowing = latencies([1.0; 60].into_iter().chain([4.0; 30]));
        let [first, last] = slowing.ends(40.0).unwrap();
        assert_eq!(first.percentiles().unwrap().p50_ms, 1.0);
        assert_eq!(last.percentiles().unwrap().p50_ms, 4.0);
        assert_eq!((first.runs(), last.runs()), (40, 10));
        assert!(slowing.ends(100.0).is_none(), "windows would overlap");
    }
}
