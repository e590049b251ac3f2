//! `mimlet-train knn`.

use clap::Args;

use super::labelled::Labelled;
use super::print;
use crate::error::TrainError;
use crate::evaluate::knn::{KnnScore, knn};

/// Flags of `knn`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    labelled: Labelled,
}

/// Lets neighbours vote.
pub(crate) fn run(arguments: &Arguments) -> Result<(), TrainError> {
    let (config, train, test) = arguments.labelled.read()?;
    let report = knn(&config.evaluate, &train, &test)?;
    print(&report, arguments.labelled.json, || {
        let lines: Vec<String> = report.scores.iter().map(line).collect();
        lines.join("\n")
    })
}

fn line(found: &KnnScore) -> String {
    let [low, high] = found.score.interval;
    format!(
        "{:?}, k = {}: {:.4}, 95 % interval {low:.4} to {high:.4}",
        found.features, found.k, found.score.top1
    )
}
