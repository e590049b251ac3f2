//! One rung's trial: the file's acceptance test, then a few timed runs.

use crate::rung::Rung;
use mimlet_format::Model;
use mimlet_runtime::acceptance::{self, Verdict};
use mimlet_runtime::{EncodeError, Encoder};
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// Runs whose median is a rung's time.
const TIMED_RUNS: usize = 5;

/// What a trial found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Of the acceptance test.
    pub verdict: Verdict,
    /// Median time of an image, milliseconds; `None` of a rung that did not pass: how fast a wrong
    /// answer comes is of no use.
    pub median_ms: Option<f64>,
}

/// Runs a rung's trial, and gives the encoder it ran on back.
///
/// # Errors
/// Why it did not get to a verdict. A panic on the way there, in a driver for one, is such a reason.
pub(crate) fn run<'m>(rung: &dyn Rung, model: &Model<'m>) -> Result<(Trial, Encoder<'m>), String> {
    guarded(|| {
        let mut encoder = rung.encoder(model)?;
        let trial = of(model, &mut encoder).map_err(|error| error.to_string())?;
        Ok((trial, encoder))
    })
}

/// A rung's encoder.
///
/// # Errors
/// As [`run`].
pub(crate) fn encoder<'m>(rung: &dyn Rung, model: &Model<'m>) -> Result<Encoder<'m>, String> {
    guarded(|| rung.encoder(model))
}

/// What `make` gives; a panic in it is an error that says so.
pub(crate) fn guarded<T>(make: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    // What a panic leaves half done is dropped with the rung's encoder; nothing else is shared.
    catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!(
            "it panicked: {}",
            text.unwrap_or("no reason given")
        ))
    })
}

fn of(model: &Model<'_>, encoder: &mut Encoder<'_>) -> Result<Trial, EncodeError> {
    let verdict = acceptance::run(model, encoder)?;
    let mut trial = Trial {
        verdict,
        median_ms: None,
    };
    if trial.verdict.passed() {
        // The acceptance test has warmed it up.
        let images = acceptance::golden_images(model);
        let mut times = [0.0; TIMED_RUNS];
        for (time, image) in times.iter_mut().zip(images.iter().cycle()) {
            let start = Instant::now();
            encoder.encode_pixels(image)?;
            *time = start.elapsed().as_secs_f64() * 1e3;
        }
        times.sort_by(f64::total_cmp);
        trial.median_ms = Some(times[TIMED_RUNS / 2]);
    }
    Ok(trial)
}
