//! How fast data is made, and whether anybody waited for it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde::Serialize;

/// Times of a prefetch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Results that were taken.
    pub made: usize,
    /// Threads that made them.
    pub workers: usize,
    /// Time the workers spent making, summed over the workers.
    pub busy: Duration,
    /// Time the consumer waited for a result.
    pub waited: Duration,
    /// Time since the start.
    pub elapsed: Duration,
}

/// A [`Rate`] for a log.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LoadingRate {
    /// Images the workers can make in a second: what they made over the time they were at work.
    pub images_per_second: f64,
    /// Share of the time that the consumer waited for data, 0..1.
    pub waited: f64,
}

impl Rate {
    /// The rates, of `images` images in all results together.
    pub fn of_images(&self, images: usize) -> LoadingRate {
        let busy = self.busy.as_secs_f64() / self.workers.max(1) as f64;
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        LoadingRate {
            images_per_second: share(images as f64, busy),
            waited: share(self.waited.as_secs_f64(), self.elapsed.as_secs_f64()),
        }
    }
}

/// Counts what threads read, and the time it took them.
#[derive(Debug, Default)]
pub(super) struct Meter {
    images: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Meter {
    /// Does `read`, which reads an image, and counts it.
    pub(super) fn time<T>(&self, read: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let result = read();
        let nanoseconds = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Relaxed);
        self.images.fetch_add(1, Relaxed);
        result
    }

    /// Images read, and images in a second of one thread's reading.
    pub(super) fn total(&self) -> (u64, f64) {
        let images = self.images.load(Relaxed);
        let seconds = Duration::from_nanos(self.nanoseconds.load(Relaxed)).as_secs_f64();
        (images, images as f64 / seconds.max(f64::MIN_POSITIVE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_follow_from_times() {
        let rate = Rate {
            made: 3,
            workers: 2,
            busy: Duration::from_secs(4),
            waited: Duration::from_secs(1),
            elapsed: Duration::from_secs(8),
        };
        let found = rate.of_images(30);
        assert_eq!((found.images_per_second, found.waited), (15.0, 0.125));
        let none = Rate {
            busy: Duration::ZERO,
            elapsed: Duration::ZERO,
            ..rate
        };
        assert_eq!(none.of_images(0).images_per_second, 0.0);
        assert_eq!(none.of_images(0).waited, 0.0);
    }

    #[test]
    fn a_meter_counts_what_was_read() {
        let meter = Meter::default();
        assert_eq!(meter.total().0, 0);
        let read = || meter.time(|| std::hint::black_box((0..1000).sum::<u64>()));
        assert_eq!((read(), read()), (499_500, 499_500));
        let (images, rate) = meter.total();
        assert_eq!(images, 2);
        assert!(rate > 0.0 && rate.is_finite());
    }
}
