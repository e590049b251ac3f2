//! `mimlet export --sweep`: every way to store a model, tried and compared.

use std::fmt;
use std::path::Path;

use mimlet_export::sweep::{Candidate, Latency, Point, Sweep, sweep};
use mimlet_export::{ExportOptions, FloatCodebook, FloatModel};
use serde::Serialize;

use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::progress::Progress;
use crate::table::{Align, Facts, Table};
use crate::units::{bytes, count, or_dash, percent};

/// What `mimlet export --sweep` prints.
#[derive(Debug, Serialize)]
struct Report {
    folder: String,
    passed: bool,
    #[serde(flatten)]
    sweep: Sweep,
}

/// The candidates with these names; all of them without names.
///
/// # Errors
/// For a name that there is not.
pub(super) fn candidates(names: &[String]) -> Result<Vec<Candidate>, Error> {
    if names.is_empty() {
        Ok(Candidate::all())
    } else {
        Ok(Candidate::named(names)?)
    }
}

/// Tries the candidates and prints how they compare; fails when none passes.
pub(super) fn run(
    (model, codebook, options): (&FloatModel, Option<&FloatCodebook>, ExportOptions<'_>),
    candidates: &[Candidate],
    folder: &Path,
    output: Output,
) -> Result<Outcome, Error> {
    let progress = Progress::stages();
    let tell = |stage: &str, share: f32| progress.stage(stage, share);
    let options = ExportOptions {
        progress: Some(&tell),
        ..options
    };
    let found = sweep(model, codebook, options, candidates, folder)?;
    drop(progress);
    let passed = found.passed().next().is_some();
    let report = Report {
        folder: folder.display().to_string(),
        passed,
        sweep: found,
    };
    output.print(&report)?;
    let failures = match report.passed {
        true => Vec::new(),
        false => vec![format!(
            "none of {} passes",
            count(candidates.len() as u64, "scheme")
        )],
    };
    Ok(Outcome::of_check(&report.folder, &failures))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sweep = &self.sweep;
        let mut table = Table::new([
            ("scheme", Align::Left),
            ("size", Align::Right),
            ("tokens", Align::Right),
            ("lowest cosine", Align::Right),
            ("p50 / p90 ms", Align::Right),
            ("1 thread", Align::Right),
            ("front", Align::Left),
        ]);
        for point in &sweep.points {
            let time = |threads: usize| {
                let latency = point.latencies.iter().find(|l| l.threads == threads);
                or_dash(latency, times)
            };
            table.row([
                point.name.clone(),
                or_dash(point.bytes, bytes),
                or_dash(point.token_agreement, percent),
                or_dash(point.min_cosine, |cosine| format!("{cosine:.6}")),
                time(sweep.machine.threads),
                time(1),
                front(point).to_string(),
            ]);
        }
        write!(f, "{table}")?;
        let mut facts = Facts::new();
        for point in sweep.points.iter().filter(|point| !point.passed) {
            facts.fact(
                &format!("{} refused", point.name),
                point.failures.join("; "),
            );
        }
        facts
            .fact("machine", sweep.machine.to_string())
            .fact("compare", format!("{}/sweep.html", self.folder))
            .fact(
                "pick",
                format!(
                    "mimlet pick {} --min-agreement 0.99 -o model.mim",
                    self.folder
                ),
            );
        write!(f, "\n{facts}")
    }
}

fn times(latency: &Latency) -> String {
    format!("{:.2} / {:.2}", latency.p50_ms, latency.p90_ms)
}

/// By what nothing beats the point.
fn front(point: &Point) -> &'static str {
    match (point.passed, point.on_size_front, point.on_latency_front) {
        (false, ..) => "refused",
        (true, true, true) => "size, speed",
        (true, true, false) => "size",
        (true, false, true) => "speed",
        (true, false, false) => "",
    }
}
