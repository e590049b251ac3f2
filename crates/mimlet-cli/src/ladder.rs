//! What each backend of this machine came to with a file, for people and scripts.

use std::fmt;

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
}

impl fmt::Display for LadderReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new([
            ("", Align::Left),
            ("backend", Align::Left),
            ("an image", Align::Right),
            ("acceptance test", Align::Left),
        ]);
        for rung in &self.0 {
            let outcome = match rung.passed {
                Some(true) => "passed",
                _ => &rung.outcome,
            };
            table.row([
                if rung.kept { "->" } else { "" }.to_string(),
                rung.name.clone(),
                or_dash(rung.median_ms, milliseconds),
                outcome.to_string(),
            ]);
        }
        table.fmt(f)
    }
}
