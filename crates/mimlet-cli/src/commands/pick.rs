//! `mimlet pick`: a point of a sweep, by what it must meet.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mimlet_export::sweep::{Bounds, Preference, pick, read_sweep};
use serde::Serialize;

use crate::destination::Destination;
use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::table::Facts;
use crate::units::{bytes, parse_bytes};

/// Arguments of `mimlet pick`.
#[derive(Debug, Args)]
pub(crate) struct PickArgs {
    /// The folder that `mimlet export --sweep` left
    folder: PathBuf,
    /// Largest file: 1500000, 12MB or 1.5MiB
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    budget: Option<u64>,
    /// Lowest share of golden tokens that are the float model's, 0..1
    #[arg(long, value_name = "SHARE", value_parser = share)]
    min_agreement: Option<f64>,
    /// Lowest cosine of a feature vector to the float model's
    #[arg(long, value_name = "COSINE", value_parser = share)]
    min_cosine: Option<f64>,
    /// Longest median latency on all threads of the machine that swept, milliseconds
    #[arg(long, value_name = "MS", value_parser = positive)]
    max_ms: Option<f64>,
    /// Which of those that meet the bounds [default: closest with bounds on size and time alone,
    /// else smallest]
    #[arg(long, value_enum)]
    prefer: Option<PreferenceName>,
    /// The .mim file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// A preference, as a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum PreferenceName {
    /// The smallest file.
    Smallest,
    /// The lowest median latency.
    Fastest,
    /// The closest to the float model.
    Closest,
}

impl From<PreferenceName> for Preference {
    fn from(name: PreferenceName) -> Self {
        match name {
            PreferenceName::Smallest => Self::Smallest,
            PreferenceName::Fastest => Self::Fastest,
            PreferenceName::Closest => Self::Closest,
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    let value = text
        .parse()
        .ok()
        .filter(|value| (0.0..=1.0).contains(value));
    value.ok_or_else(|| "give a number from 0 to 1, such as 0.99".to_string())
}

fn positive(text: &str) -> Result<f64, String> {
    let value = text
        .parse()
        .ok()
        .filter(|value: &f64| *value > 0.0 && value.is_finite());
    value.ok_or_else(|| "give milliseconds, such as 5 or 2.5".to_string())
}

/// What `mimlet pick` prints.
#[derive(Debug, Serialize)]
struct Report {
    folder: String,
    /// `None` when no point meets the bounds; nothing is written then.
    file: Option<String>,
    name: Option<String>,
    bytes: Option<u64>,
    hash: Option<String>,
    reason: Option<String>,
    /// The other points, and what they do not meet.
    passed_over: Vec<PassedOver>,
}

/// A point that was not picked.
#[derive(Debug, Serialize)]
struct PassedOver {
    name: String,
    /// What it does not meet; empty when it meets everything and another was better.
    misses: Vec<String>,
}

impl PickArgs {
    /// Copies the best point that meets the bounds, once it is sure to be the file that was judged;
    /// fails when none does.
    pub(crate) fn run(self, output: Output) -> Result<Outcome, Error> {
        let destination = Destination::new(&self.output)?;
        let sweep = read_sweep(&self.folder)?;
        let bounds = Bounds {
            max_bytes: self.budget,
            min_agreement: self.min_agreement,
            min_cosine: self.min_cosine,
            max_ms: self.max_ms,
        };
        let preference = self
            .prefer
            .map_or_else(|| bounds.preference(), Preference::from);
        let picked = pick(&sweep, &bounds, preference);
        if let Some(picked) = &picked {
            let file = picked.point.open(&self.folder)?;
            destination.write(file.model().bytes())?;
        }
        let point = picked.as_ref().map(|picked| picked.point);
        let others = sweep.points.iter().filter(|other| Some(*other) != point);
        let report = Report {
            folder: self.folder.display().to_string(),
            file: point.map(|_| self.output.display().to_string()),
            name: point.map(|point| point.name.clone()),
            bytes: point.and_then(|point| point.bytes),
            hash: point.and_then(|point| point.hash.clone()),
            reason: picked.as_ref().map(|picked| picked.reason.clone()),
            passed_over: others
                .map(|other| PassedOver {
                    name: other.name.clone(),
                    misses: bounds.misses(other),
                })
                .collect(),
        };
        output.print(&report)?;
        Ok(report.outcome())
    }
}

impl Report {
    fn outcome(&self) -> Outcome {
        if self.file.is_some() {
            return Outcome::Good;
        }
        let misses: Vec<String> = self.passed_over.iter().map(PassedOver::line).collect();
        let misses = misses.join("; ");
        Outcome::Failed(format!(
            "{}: no point meets the bounds: {misses}",
            self.folder
        ))
    }
}

impl PassedOver {
    fn line(&self) -> String {
        format!("{} {}", self.name, self.misses.join(" and "))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(file), Some(name)) = (&self.file, &self.name) else {
            // The line on stderr says it all.
            return Ok(());
        };
        let mut facts = Facts::new();
        let size = self
            .bytes
            .map_or(String::new(), |size| format!(", {}", bytes(size)));
        facts
            .fact("wrote", format!("{file}{size}"))
            .fact("picked", name)
            .fact("why", self.reason.clone().unwrap_or_default());
        for other in self
            .passed_over
            .iter()
            .filter(|other| !other.misses.is_empty())
        {
            facts.fact("passed over", other.line());
        }
        if let Some(hash) = &self.hash {
            facts.fact("hash", hash);
        }
        facts.fmt(f)
    }
}
