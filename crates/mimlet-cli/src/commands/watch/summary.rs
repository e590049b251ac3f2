//! What is said at the end of a watch.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::backend::Choice;
use crate::latency::Percentiles;
use crate::table::Facts;
use crate::units::{count, milliseconds, or_dash, percent};

/// Where the time of all frames went; waiting for them is nowhere.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Times {
    /// Reading, decoding, resizing, normalising.
    pub(super) prepare: Duration,
    pub(super) encode: Duration,
    /// Counting, drift, printing.
    pub(super) watch: Duration,
    /// The live panel and the display's picture.
    pub(super) draw: Duration,
}

/// Totals of a watch.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) event: &'static str,
    pub(super) file: String,
    pub(super) backend: Choice,
    pub(super) frames: u64,
    pub(super) skipped: u64,
    pub(super) drift_measured: bool,
    pub(super) windows: u64,
    /// Windows that drifted.
    pub(super) alarms: u64,
    /// Of encoding, over the last 10,000 frames; `null` without a frame.
    pub(super) latency: Option<Percentiles>,
    /// Of all frames' tokens; `null` without a codebook.
    pub(super) perplexity: Option<f64>,
    /// Of the frames that have a class; `null` without.
    pub(super) tcas: Option<f64>,
    /// Watching as a share of encoding and watching, without drawing.
    pub(super) overhead: Option<f64>,
    /// Drawing as a share of encoding, watching and drawing.
    pub(super) drawing: Option<f64>,
    /// Mean time to read and prepare a frame.
    pub(super) prepare_ms: Option<f64>,
}

impl Times {
    pub(super) fn overhead(&self) -> Option<f64> {
        share(self.watch, self.encode + self.watch)
    }

    pub(super) fn drawing(&self) -> Option<f64> {
        share(self.draw, self.encode + self.watch + self.draw)
    }

    pub(super) fn prepare_ms(&self, frames: u64) -> Option<f64> {
        (frames > 0).then(|| self.prepare.as_secs_f64() * 1e3 / frames as f64)
    }
}

fn share(part: Duration, whole: Duration) -> Option<f64> {
    (!whole.is_zero()).then(|| part.as_secs_f64() / whole.as_secs_f64())
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let drift = if self.drift_measured {
            let windows = count(self.windows, "window");
            format!("in {} of {windows}", self.alarms)
        } else {
            "not measured: the file has no drift reference".to_string()
        };
        let latency = |latency: Percentiles| {
            format!(
                "p50 {}, p99 {}",
                milliseconds(latency.p50_ms),
                milliseconds(latency.p99_ms)
            )
        };
        let mut facts = Facts::new();
        facts
            .fact("backend", self.backend.to_string())
            .fact(
                "frames",
                format!("{}, {} skipped", self.frames, self.skipped),
            )
            .fact("drift", drift)
            .fact("encode", or_dash(self.latency, latency))
            .fact("prepare", or_dash(self.prepare_ms, milliseconds))
            .fact(
                "perplexity",
                or_dash(self.perplexity, |value| format!("{value:.1} tokens")),
            )
            .fact("TCAS", or_dash(self.tcas, |tcas| format!("{tcas:.4}")))
            .fact(
                "overhead",
                format!(
                    "watching {}, drawing {}",
                    or_dash(self.overhead, percent),
                    or_dash(self.drawing, percent)
                ),
            );
        facts.fmt(f)
    }
}
