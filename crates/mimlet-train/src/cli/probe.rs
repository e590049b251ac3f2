//! `mimlet-train probe`.

use clap::Args;

use super::inputs::spinner;
use super::labelled::Labelled;
use super::print;
use crate::error::TrainError;
use crate::evaluate::probe::{Probe, probe};

/// Flags of `probe`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    labelled: Labelled,
    /// Seed of the held-out part and of the order; train.seed when not given.
    #[arg(long)]
    seed: Option<u64>,
}

/// Probes.
pub(crate) fn run(arguments: &Arguments) -> Result<(), TrainError> {
    let (config, train, test) = arguments.labelled.read()?;
    let seed = arguments.seed.unwrap_or(config.train.seed);
    let spinner = spinner("probing");
    let report = probe(&config.evaluate, &train, &test, seed)?;
    spinner.finish_and_clear();
    print(&report, arguments.labelled.json, || {
        let probes: Vec<String> = report.probes.iter().map(line).collect();
        format!(
            "accuracy on {} images: class token {:.4}, mean patch {:.4}\n{}",
            report.test_images,
            report.class_token,
            report.mean_patch,
            probes.join("\n")
        )
    })
}

fn line(probe: &Probe) -> String {
    let [low, high] = probe.score.interval;
    let top5 = probe
        .score
        .top5
        .map_or(String::new(), |top5| format!(", top-5 {top5:.4}"));
    format!(
        "{:?}: {:.4}, 95 % interval {low:.4} to {high:.4}{top5}; rate {} and decay {} chosen of {}",
        probe.features,
        probe.score.top1,
        probe.rate,
        probe.decay,
        probe.sweep.len()
    )
}
