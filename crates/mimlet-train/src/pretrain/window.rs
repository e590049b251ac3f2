//! Means over the steps since the last line of the log.

use std::time::{Duration, Instant};

use super::log::Record;
use super::step::Outcome;
use crate::data::Rate;
use crate::error::TrainError;

/// Steps without a finite gradient, one after the other, after which a run is given up.
const PATIENCE: usize = 10;

/// Sums since the last line of the log.
#[derive(Debug)]
pub(crate) struct Window {
    started: Instant,
    since: Instant,
    losses: Vec<f64>,
    norms: Vec<f64>,
    rate: f64,
    /// Steps in a row that changed nothing.
    skipped: usize,
    steps: usize,
    /// Time spent waiting for images before the last line.
    waited: Duration,
}

impl Window {
    /// From now on.
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            started: now,
            since: now,
            losses: Vec::new(),
            norms: Vec::new(),
            rate: 0.0,
            skipped: 0,
            steps: 0,
            waited: Duration::ZERO,
        }
    }

    /// Takes note of a step, number `step`.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] when too many steps in a row were skipped.
    pub(crate) fn add(&mut self, step: usize, outcome: Outcome) -> Result<(), TrainError> {
        self.steps += 1;
        self.rate = outcome.rate;
        if outcome.is_finite() {
            self.losses.push(outcome.loss);
            self.norms.push(outcome.norm);
            self.skipped = 0;
            return Ok(());
        }
        self.skipped += 1;
        if self.skipped < PATIENCE {
            return Ok(());
        }
        Err(TrainError::Diverged {
            step,
            times: self.skipped,
        })
    }

    /// Whether the last step was skipped.
    pub(crate) fn stumbled(&self) -> bool {
        self.skipped > 0
    }

    /// Means since the last call, of steps of `batch` images; `loading` is what making images has
    /// taken so far, `skipped` how many steps of the run were skipped.
    pub(crate) fn record(
        &mut self,
        step: usize,
        batch: usize,
        loading: Rate,
        skipped: usize,
    ) -> Record {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let seconds = self.since.elapsed().as_secs_f64();
        let record = Record {
            step,
            loss: mean(&self.losses),
            gradient_norm: mean(&self.norms),
            rate: self.rate,
            seconds: self.started.elapsed().as_secs_f64(),
            images_per_second: (self.steps * batch) as f64 / seconds,
            waited: (loading.waited - self.waited).as_secs_f64() / seconds,
            images_made_per_second: loading.of_images(loading.made * batch).images_per_second,
            skipped,
        };
        self.since = Instant::now();
        self.waited = loading.waited;
        self.losses.clear();
        self.norms.clear();
        self.steps = 0;
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stumble_is_left_out_of_the_means_and_many_in_a_row_end_the_run() {
        let outcome = |loss| Outcome {
            loss,
            norm: 1.0,
            rate: 0.5,
        };
        let mut window = Window::new();
        window.add(1, outcome(2.0)).unwrap();
        window.add(2, outcome(f64::NAN)).unwrap();
        assert!(window.stumbled());
        window.add(3, outcome(4.0)).unwrap();
        assert!(!window.stumbled());
        let rate = Rate {
            made: 3,
            workers: 1,
            busy: Duration::from_secs(2),
            waited: Duration::ZERO,
            elapsed: Duration::from_secs(4),
        };
        let record = window.record(3, 8, rate, 1);
        assert_eq!((record.loss, record.skipped), (3.0, 1));
        assert_eq!(record.images_made_per_second, 12.0);
        for step in 4..13 {
            window.add(step, outcome(f64::INFINITY)).unwrap();
        }
        let error = window.add(13, outcome(f64::NAN)).unwrap_err().to_string();
        assert!(
            error.contains("step 13") && error.contains("10 times"),
            "{error}"
        );
    }
}
