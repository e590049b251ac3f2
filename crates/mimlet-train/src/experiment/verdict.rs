//! Whether TCAS foretells accuracy, and by how much tokens beat the baseline.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cell::CellResult;
use super::config::{Entry, Kind, Plan};
use crate::evaluate::config::Pooling;
use crate::report::rank::Spearman;
use crate::report::statistics::Estimate;

/// Over tokenizers of about as many tokens, none of which reads labels.
pub(crate) const EQUAL_K: &str = "tokenizers of equal K";
/// Over tokenizers of about as many tokens, those among them that read labels.
pub(crate) const WITH_ORACLES: &str = "tokenizers of equal K and graded oracles";
/// Over whatever has tokens.
pub(crate) const ALL: &str = "all tokenizers";

/// Spearman's correlation of TCAS with one accuracy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Correlation {
    /// Over what: tokenizers of equal K, the same with graded oracles, all tokenizers, or all cells
    /// of equal K.
    pub over: String,
    /// `probe` or `knn`.
    pub accuracy: String,
    /// None for fewer than three points.
    pub spearman: Option<Spearman>,
}

/// By how much a tokenizer's probe beats the baseline's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The tokenizer.
    pub tokenizer: String,
    /// The baseline.
    pub baseline: String,
    /// Paired by seed; none when no seed has both.
    pub probe: Option<Estimate>,
}

/// The cells of one entry, by seed.
pub(crate) fn of_entry<'a>(
    cells: &'a [CellResult],
    entry: &Entry,
) -> impl Iterator<Item = &'a CellResult> + use<'a> {
    let name = entry.name().to_owned();
    cells.iter().filter(move |cell| cell.tokenizer == name)
}

/// The mean over the seeds of what `figure` reads off each of an entry's cells.
pub(crate) fn estimate(
    cells: &[CellResult],
    entry: &Entry,
    figure: impl Fn(&CellResult) -> Option<f64>,
) -> Option<Estimate> {
    let values: Vec<f64> = of_entry(cells, entry).filter_map(figure).collect();
    Estimate::of(&values)
}

/// TCAS of a cell's tokens.
pub(crate) fn tcas(cell: &CellResult) -> Option<f64> {
    cell.alignment.as_ref().and_then(|alignment| alignment.tcas)
}

/// All correlations.
pub(crate) fn correlations(
    plan: &Plan,
    cells: &[CellResult],
    pooling: Pooling,
) -> Vec<Correlation> {
    let probe = |cell: &CellResult| cell.probe.of(pooling);
    let knn = |cell: &CellResult| cell.knn.of(pooling);
    let accuracies: [(&str, &dyn Fn(&CellResult) -> f64); 2] = [("probe", &probe), ("knn", &knn)];
    let of = |wanted: fn(Kind) -> bool| -> Vec<&Entry> {
        let entries = plan.entries.iter();
        entries.filter(|entry| wanted(entry.kind)).collect()
    };
    let equal = of(|kind| kind.has_equal_k() && !kind.is_oracle());
    let graded = of(Kind::has_equal_k);
    let all = of(|_| true);
    let mut found = Vec::new();
    for (name, accuracy) in accuracies {
        let means = |entries: &[&Entry]| -> Vec<[f64; 2]> {
            let pair = |entry: &&Entry| {
                let tcas = estimate(cells, entry, tcas)?.mean;
                Some([
                    tcas,
                    estimate(cells, entry, |cell| Some(accuracy(cell)))?.mean,
                ])
            };
            entries.iter().filter_map(pair).collect()
        };
        let each = equal.iter().flat_map(|entry| of_entry(cells, entry));
        let each = each.filter_map(|cell| Some([tcas(cell)?, accuracy(cell)]));
        let mut sets = vec![(EQUAL_K, means(&equal))];
        if graded.len() > equal.len() {
            sets.push((WITH_ORACLES, means(&graded)));
        }
        sets.push((ALL, means(&all)));
        sets.push(("cells of equal K", each.collect()));
        for (over, pairs) in sets {
            found.push(Correlation {
                over: over.into(),
                accuracy: name.into(),
                spearman: Spearman::of(&pairs, 0),
            });
        }
    }
    found
}

/// Every entry's difference to the baseline; none without a baseline.
pub(crate) fn differences(plan: &Plan, cells: &[CellResult], pooling: Pooling) -> Vec<Difference> {
    let Some(baseline) = plan.baseline() else {
        return Vec::new();
    };
    let by_seed: BTreeMap<u64, f64> = of_entry(cells, baseline)
        .map(|cell| (cell.seed, cell.probe.of(pooling)))
        .collect();
    let others = plan
        .entries
        .iter()
        .filter(|entry| entry.name() != baseline.name());
    let difference = |entry: &Entry| {
        let pairs: Vec<[f64; 2]> = of_entry(cells, entry)
            .filter_map(|cell| Some([cell.probe.of(pooling), *by_seed.get(&cell.seed)?]))
            .collect();
        Difference {
            tokenizer: entry.name().to_owned(),
            baseline: baseline.name().to_owned(),
            probe: Estimate::of_differences(&pairs),
        }
    };
    others.map(difference).collect()
}
