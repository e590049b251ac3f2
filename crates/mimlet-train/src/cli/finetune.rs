//! `mimlet-train finetune`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::inputs::{Images, bar};
use super::print;
use crate::device;
use crate::error::TrainError;
use crate::finetune::{FinetuneReport, Finetuning, finetune};
use crate::report::statistics::Estimate;

/// Flags of `finetune`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    images: Images,
    /// Data set to score on; what is held out of the data when not given.
    #[arg(long)]
    test: Option<PathBuf>,
    /// Folder of classifier, log and report; with several seeds a folder in it for each.
    #[arg(long)]
    out: PathBuf,
    /// The encoder to start from.
    #[arg(long, required_unless_present = "from_scratch")]
    encoder: Option<PathBuf>,
    /// Start from fresh weights, as the baseline that pre-training must beat.
    #[arg(long, conflicts_with = "encoder")]
    from_scratch: bool,
    /// Seeds, as in 1,2,3; finetune.seed when not given.
    #[arg(long, value_delimiter = ',')]
    seeds: Vec<u64>,
    #[arg(long, default_value = "auto", help = device::HELP)]
    device: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    /// Over the seeds.
    accuracy: Option<Estimate>,
    runs: Vec<FinetuneReport>,
}

/// Fine-tunes.
pub(crate) fn run(arguments: &Arguments) -> Result<(), TrainError> {
    let (mut config, train) = arguments.images.read(&[])?;
    let test = arguments
        .images
        .read_test(&config, arguments.test.as_deref())?;
    let device = device::by_name(&arguments.device)?;
    let seeds = if arguments.seeds.is_empty() {
        vec![config.finetune.seed]
    } else {
        arguments.seeds.clone()
    };
    let mut runs = Vec::new();
    for &seed in &seeds {
        config.finetune.seed = seed;
        let out = if seeds.len() > 1 {
            arguments.out.join(format!("seed{seed}"))
        } else {
            arguments.out.clone()
        };
        let run = Finetuning {
            config: &config,
            train: &*train,
            test: &*test,
            encoder: arguments.encoder.as_deref(),
            out: &out,
            device: &device,
        };
        runs.push(finetune(run, &bar(config.finetune.steps))?);
    }
    let accuracies: Vec<f64> = runs.iter().map(|run| run.score.top1).collect();
    let report = Report {
        accuracy: Estimate::of(&accuracies),
        runs,
    };
    print(&report, arguments.json, || {
        let mut lines: Vec<String> = report.runs.iter().map(line).collect();
        if let Some((mean, [low, high])) = report.accuracy.and_then(|a| Some((a.mean, a.interval?)))
        {
            lines.push(format!(
                "mean {mean:.4}, 95 % interval {low:.4} to {high:.4}"
            ));
        }
        lines.join("\n")
    })
}

fn line(run: &FinetuneReport) -> String {
    let [low, high] = run.score.interval;
    format!(
        "seed {}: accuracy on {} images {:.4}, 95 % interval {low:.4} to {high:.4}; loss {:.4}",
        run.seed, run.score.images, run.score.top1, run.loss
    )
}
