//! What each backend of this machine came to with a file, for people and scripts.

use mimlet_session::Report;
use serde::Serialize;

use crate::table::{Align, Table};
use crate::units::{milliseconds, or_dash};

/// A rung of the ladder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RungReport {
    pub(crate) name: String,
    /// Whether it runs the file: the fastest that passed.
    pub(crate) kept: bool,
    /// What the acceptance test said; `None` when it did not come to that.
    pub(crate) passed: Option<bool>,
    /// Median time of an image, of one that passed.
    pub(crate) median_ms: Option<f64>,
    /// The same and the reasons in words.
    pub(crate) outcome: String,
}

/// All rungs, in order.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct LadderReport(pub(crate) Vec<RungReport>);

impl LadderReport {
    pub(crate) fn new(report: &Report) -> Self {
        let rungs = report.rungs.iter().enumerate();
        let rungs = rungs.map(|(index, standing)| RungReport {
            name: standing.name.clone(),
            kept: report.kept == Some(index),
            passed: standing.tried.trial().map(|trial| trial.verdict.passed()),
            median_ms: standing.tried.passed_ms(),
            outcome: standing.tried.to_string(),
        });
        Self(rungs.collect())
    }

    /// A line for each rung, or more where `width` columns are too few: names of drivers are long, and so
    /// are reasons.
    pub(crate) fn within(&self, width: usize) -> String {
        let mut table = Table::new([
            ("", Align::Left),
            ("an image", Align::Right),
            ("test", Align::Left),
            ("backend", Align::Left),
        ]);
        for rung in &self.0 {
            let (test, backend) = match rung.passed {
                Some(true) => ("passed", rung.name.clone()),
                Some(false) => ("failed", format!("{}: {}", rung.name, rung.outcome)),
                None => ("-", format!("{}: {}", rung.name, rung.outcome)),
            };
            table.row([
                if rung.kept { "->" } else { "" }.to_string(),
                or_dash(rung.median_ms, milliseconds),
                test.to_string(),
                backend,
            ]);
        }
        table.within(width)
    }
}
