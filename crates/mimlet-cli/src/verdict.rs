//! A verdict of the acceptance test beside what was asked of it.

use std::fmt;

use mimlet_format::{AcceptanceTest, Thresholds};
use mimlet_runtime::acceptance::Verdict;
use serde::Serialize;

use crate::table::{Align, Table};
use crate::units::{or_dash, percent};

/// A verdict, and the thresholds it was held to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct VerdictReport {
    pub(crate) passed: bool,
    /// Lowest cosine between a feature vector and its golden one.
    pub(crate) cosine: f64,
    pub(crate) mean_cosine: f64,
    pub(crate) token_agreement: Option<f64>,
    pub(crate) near_tie_flips: u32,
    pub(crate) wide_margin_flips: u32,
    pub(crate) golden_tcas: Option<f64>,
    /// How far features are from what the file itself gave where it was written.
    pub(crate) deviation: Option<f64>,
    /// The most that the file allows.
    pub(crate) max_deviation: Option<f32>,
    pub(crate) golden_images: u32,
    pub(crate) failures: Vec<String>,
    pub(crate) thresholds: Thresholds,
}

impl VerdictReport {
    /// From what a run found and what it was held to.
    pub(crate) fn new(verdict: &Verdict, test: &AcceptanceTest) -> Self {
        Self {
            passed: verdict.passed(),
            cosine: verdict.min_cosine,
            mean_cosine: verdict.mean_cosine,
            token_agreement: verdict.token_agreement,
            near_tie_flips: verdict.near_tie_flips,
            wide_margin_flips: verdict.wide_margin_flips,
            golden_tcas: verdict.tcas,
            deviation: verdict.deviation,
            max_deviation: test.own.as_ref().map(|own| own.max_deviation),
            golden_images: verdict.images,
            failures: verdict.failures.clone(),
            thresholds: test.thresholds.clone(),
        }
    }
}

impl fmt::Display for VerdictReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = &self.thresholds;
        let mut table = Table::new([
            ("", Align::Left),
            ("found", Align::Right),
            ("required", Align::Left),
        ]);
        let mut row = |name: &str, found: String, required: String| {
            table.row([name.to_string(), found, required]);
        };
        row(
            "lowest cosine",
            format!("{:.6}", self.cosine),
            format!("at least {}", limits.min_cosine),
        );
        if let Some(agreement) = self.token_agreement {
            row(
                "token agreement",
                percent(agreement),
                format!("at least {}", percent(limits.min_token_agreement.into())),
            );
            row(
                "wide-margin flips",
                self.wide_margin_flips.to_string(),
                format!(
                    "at most {} from a margin of {:.3}",
                    limits.max_wide_margin_flips, limits.wide_margin
                ),
            );
            row(
                "near-tie flips",
                self.near_tie_flips.to_string(),
                "any".to_string(),
            );
        }
        if self.golden_tcas.is_some() || limits.max_tcas.is_some() {
            row(
                "TCAS",
                or_dash(self.golden_tcas, |tcas| format!("{tcas:.4}")),
                limits
                    .max_tcas
                    .map_or("any".to_string(), |max| format!("at most {max:.4}")),
            );
        }
        if let (Some(found), Some(max)) = (self.deviation, self.max_deviation) {
            row(
                "deviation",
                format!("{:.4} %", found * 100.0),
                format!("at most {:.4} % from the file's own answers", max * 100.0),
            );
        }
        table.fmt(f)
    }
}
