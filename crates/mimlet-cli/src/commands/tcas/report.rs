//! What `mimlet tcas` prints.

use std::fmt;

use mimlet_tcas::TokenClassCounts;
use serde::Serialize;

use crate::backend::Choice;
use crate::output::Outcome;
use crate::table::Facts;
use crate::units::or_dash;

/// A score, and what to hold it against.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    /// `None` when there is no patch.
    pub(super) tcas: Option<f64>,
    pub(super) nmi: Option<f64>,
    pub(super) used_tokens: usize,
    /// `None` when the images behind the counts are not known.
    pub(super) shuffled_tcas: Option<f64>,
    codebook_size: usize,
    classes: usize,
    patches: u64,
    pub(super) images: Option<u64>,
    pub(super) backend: Option<Choice>,
    max: Option<f64>,
    passed: bool,
}

impl Report {
    /// Scores counts and holds the score to a bound.
    pub(super) fn new(counts: &TokenClassCounts, max: Option<f64>) -> Self {
        let tcas = counts.tcas();
        Self {
            tcas,
            nmi: counts.nmi(),
            used_tokens: counts.used_tokens(),
            shuffled_tcas: None,
            codebook_size: counts.tokens(),
            classes: counts.classes(),
            patches: counts.patches(),
            images: None,
            backend: None,
            max,
            // An undefined score reaches no bound.
            passed: max.is_none_or(|max| tcas.is_some_and(|tcas| tcas <= max)),
        }
    }

    /// Failed when the score is above the bound.
    pub(super) fn outcome(&self) -> Outcome {
        match self.max {
            Some(max) if !self.passed => Outcome::Failed(match self.tcas {
                Some(tcas) => format!("TCAS {tcas:.6} is above --max {max}"),
                None => format!("TCAS is undefined without patches, --max {max} asked for"),
            }),
            _ => Outcome::Good,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut facts = Facts::new();
        if let Some(backend) = &self.backend {
            facts.fact("backend", backend.to_string());
        }
        let patches = format!("{} patches", self.patches);
        let counted = self.images.map_or(patches.clone(), |images| {
            format!("{patches} of {images} images")
        });
        facts
            .fact("counted", format!("{counted} in {} classes", self.classes))
            .fact(
                "used tokens",
                format!("{} of {}", self.used_tokens, self.codebook_size),
            )
            .fact(
                "TCAS",
                or_dash(self.tcas, |tcas| format!("{tcas:.6}  (lower is better)")),
            );
        if let Some(shuffled) = self.shuffled_tcas {
            facts.fact(
                "shuffled",
                format!("{shuffled:.6}  (TCAS with the labels shuffled between images)"),
            );
        }
        facts.fact(
            "NMI",
            or_dash(self.nmi, |nmi| format!("{nmi:.6}  (higher is better)")),
        );
        if let Some(max) = self.max {
            let passed = if self.passed { "PASSED" } else { "FAILED" };
            facts.fact(passed, format!("TCAS at most {max} asked for"));
        }
        facts.fmt(f)
    }
}
