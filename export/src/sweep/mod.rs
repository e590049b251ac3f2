//! Every way to store a model, tried: what each keeps, what it costs here, and which of them nothing
//! else beats.
//!
//! [`sweep`] exports one model by each [`Candidate`], holds each file to its own acceptance test,
//! times those that pass side by side, and leaves files, pages and data in a folder. [`pick`] takes a
//! point from what it left.

mod candidate;
mod folder;
mod front;
mod latency;
mod machine;
mod page;
mod pick;
mod run;

pub use candidate::Candidate;
pub use latency::Latency;
pub use machine::Machine;
pub use pick::{Bounds, Pick, Preference, pick, read_sweep};
pub use run::sweep;

use crate::Report;
use front::{Trade, front};
use serde::{Deserialize, Serialize};

/// What a sweep found out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// The model's name.
    pub name: String,
    /// File name of the checkpoint, or the command that made the weights.
    pub source: String,
    /// What the latencies are of.
    pub machine: Machine,
    /// What agreement with the float model is measured by.
    pub quality: Quality,
    /// The candidates, in the order they were tried.
    pub points: Vec<Point>,
}

/// What agreement with the float model is measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Share of golden patches with the float model's token: for codebooks over features.
    TokenAgreement,
    /// Mean cosine of the features, where there are no tokens, or none that depend on the weights.
    MeanCosine,
}

/// A candidate and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The candidate's name.
    pub name: String,
    /// Whether it met its thresholds; only then there is a file.
    pub passed: bool,
    /// Why not, a sentence each.
    pub failures: Vec<String>,
    /// Name of its file in the sweep's folder.
    pub file: Option<String>,
    /// BLAKE3 of that file's content, hexadecimal.
    pub hash: Option<String>,
    /// Name of its own page there.
    pub page: Option<String>,
    /// Length of the file, of one that was refused too; `None` where there was none to refuse.
    pub bytes: Option<u64>,
    /// Share of golden patches with the float model's token, 0..1.
    pub token_agreement: Option<f64>,
    /// Lowest cosine between a feature vector and the float model's.
    pub min_cosine: Option<f64>,
    /// Mean of those cosines.
    pub mean_cosine: Option<f64>,
    /// Times here, on all threads first and then on one; empty unless it passed.
    pub latencies: Vec<Latency>,
    /// Whether no file is both as small and as close to the float model.
    pub on_size_front: bool,
    /// Whether none is both as fast, by the median on all threads, and as close.
    pub on_latency_front: bool,
    /// All that its export found out. Written, not read.
    #[serde(skip_deserializing)]
    pub report: Option<Report>,
}

impl Point {
    /// Median latency on all threads, milliseconds.
    #[must_use]
    pub fn p50_ms(&self) -> Option<f64> {
        self.latencies.first().map(|latency| latency.p50_ms)
    }

    /// How close to the float model it is.
    #[must_use]
    pub fn quality(&self, by: Quality) -> Option<f64> {
        match by {
            Quality::TokenAgreement => self.token_agreement,
            Quality::MeanCosine => self.mean_cosine,
        }
    }
}

impl Sweep {
    /// The points that passed.
    pub fn passed(&self) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(|point| point.passed)
    }

    /// The page that shows and compares all points; it links to their own.
    #[must_use]
    pub fn to_html(&self) -> String {
        page::page(self)
    }

    /// The two fronts as one SVG file.
    #[must_use]
    pub fn to_svg(&self) -> String {
        page::picture(self)
    }

    /// Marks the points that nothing beats.
    fn mark_fronts(&mut self) {
        let quality = self.quality;
        let trades = |cost: fn(&Point) -> Option<f64>| -> Vec<Trade> {
            let trade = |point: &Point| Trade {
                cost: cost(point).filter(|_| point.passed).unwrap_or(f64::NAN),
                quality: point.quality(quality).unwrap_or(f64::NAN),
            };
            self.points.iter().map(trade).collect()
        };
        let by_size = front(&trades(|point| point.bytes.map(|bytes| bytes as f64)));
        let by_latency = front(&trades(Point::p50_ms));
        for (point, (size, latency)) in self
            .points
            .iter_mut()
            .zip(by_size.into_iter().zip(by_latency))
        {
            point.on_size_front = size;
            point.on_latency_front = latency;
        }
    }
}
