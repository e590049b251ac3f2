//! What `mimlet bench` prints.

use std::fmt;

use mimlet_runtime::Plan;
use serde::Serialize;

use super::profile::Profile;
use crate::backend::Choice;
use crate::latency::Percentiles;
use crate::output::Outcome;
use crate::table::Facts;
use crate::units::{bytes, count, milliseconds, or_dash};
use crate::verdict::VerdictReport;

/// Latencies of a run that passed, or why it did not.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    pub(super) file: String,
    pub(super) hash: String,
    pub(super) backend: Choice,
    pub(super) passed: bool,
    pub(super) failures: Vec<String>,
    pub(super) verdict: VerdictReport,
    /// `None` unless every run gave the verified output; its fields are then absent.
    #[serde(flatten)]
    pub(super) timings: Option<Timings>,
    #[serde(flatten)]
    pub(super) memory: Memory,
    /// Only with `--profile`, and as the timings.
    pub(super) profile: Option<Profile>,
}

/// Latencies.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Timings {
    /// Opening, checking and planning the file, and making the encoder, the file being in the
    /// system's cache.
    pub(super) load_ms: f64,
    /// The first image after that.
    pub(super) first_ms: f64,
    pub(super) runs: usize,
    #[serde(flatten)]
    pub(super) steady: Percentiles,
    /// Only with `--batch`: latencies are then of so many images.
    pub(super) batch: Option<Batch>,
    /// Only with `--seconds`.
    pub(super) sustained: Option<Sustained>,
}

/// Images at once.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Batch {
    images: u32,
    /// The median divided by their number.
    image_ms: f64,
    images_per_second: f64,
}

impl Batch {
    /// Of so many images and the median time of all of them; `None` of one.
    pub(super) fn new(images: u32, p50_ms: f64) -> Option<Self> {
        let image_ms = p50_ms / f64::from(images);
        (images > 1).then_some(Self {
            images,
            image_ms,
            images_per_second: 1e3 / image_ms,
        })
    }
}

/// The beginning of a long test against its end.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Sustained {
    /// Length of each.
    pub(super) window_s: f64,
    pub(super) first_p50_ms: f64,
    pub(super) last_p50_ms: f64,
    /// The last divided by the first.
    pub(super) slowdown: f64,
}

/// Memory, planned and measured.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Memory {
    weight_bytes: u64,
    activation_bytes: u64,
    planned_bytes: u64,
    /// Of the whole process; `None` where the system does not tell.
    peak_bytes: Option<u64>,
}

impl Memory {
    /// By the plan, and as the system counted.
    pub(super) fn new(plan: &Plan, peak_bytes: Option<u64>) -> Self {
        Self {
            weight_bytes: plan.weight_bytes(),
            activation_bytes: plan.activation_bytes(),
            planned_bytes: plan.weight_bytes() + plan.activation_bytes(),
            peak_bytes,
        }
    }
}

impl Report {
    /// Failed when the output was not right.
    pub(super) fn outcome(&self) -> Outcome {
        Outcome::of_check(&format!("{}: no latency", self.file), &self.failures)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut facts = Facts::new();
        facts
            .fact("file", &self.file)
            .fact("backend", self.backend.to_string());
        let images = count(self.verdict.golden_images.into(), "golden image");
        match &self.timings {
            None => {
                facts.fact("verified", format!("FAILED on {images}"));
                return facts.fmt(f);
            }
            Some(timings) => {
                let runs = count(timings.runs as u64, "timed run");
                facts.fact(
                    "verified",
                    format!("passed on {images}, and all of {runs} gave the verified output"),
                );
                timings.facts(&mut facts);
            }
        }
        let memory = &self.memory;
        facts
            .fact(
                "planned",
                format!(
                    "{} ({} weights, {} buffers)",
                    bytes(memory.planned_bytes),
                    bytes(memory.weight_bytes),
                    bytes(memory.activation_bytes)
                ),
            )
            .fact(
                "peak",
                or_dash(memory.peak_bytes, |peak| {
                    format!("{} of the whole process", bytes(peak))
                }),
            );
        facts.fmt(f)?;
        match &self.profile {
            Some(profile) => write!(f, "\n{profile}"),
            None => Ok(()),
        }
    }
}

impl Timings {
    fn facts(&self, facts: &mut Facts) {
        let steady = &self.steady;
        facts
            .fact("load", milliseconds(self.load_ms))
            .fact("first", milliseconds(self.first_ms))
            .fact("p50", milliseconds(steady.p50_ms))
            .fact("p90", milliseconds(steady.p90_ms))
            .fact("p99", milliseconds(steady.p99_ms))
            .fact(
                "range",
                format!(
                    "{} to {}",
                    milliseconds(steady.min_ms),
                    milliseconds(steady.max_ms)
                ),
            );
        if let Some(batch) = &self.batch {
            facts.fact(
                "batch",
                format!(
                    "{} images at once: {} an image, {:.1} images a second",
                    batch.images,
                    milliseconds(batch.image_ms),
                    batch.images_per_second
                ),
            );
        }
        if let Some(sustained) = &self.sustained {
            facts.fact(
                "sustained",
                format!(
                    "p50 {} in the first {:.0} s, {} in the last: x{:.2}",
                    milliseconds(sustained.first_p50_ms),
                    sustained.window_s,
                    milliseconds(sustained.last_p50_ms),
                    sustained.slowdown
                ),
            );
        }
    }
}
