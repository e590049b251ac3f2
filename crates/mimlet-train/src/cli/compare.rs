//! `mimlet-train compare`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::inputs::{bar, spinner};
use super::print;
use crate::device;
use crate::error::TrainError;
use crate::experiment::cell::Cell;
use crate::experiment::config::Experiment;
use crate::experiment::images;
use crate::experiment::results::Results;
use crate::experiment::workers::{Launch, end_with_parent, run_cells};

/// Flags of `compare`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The experiment: a run's TOML file with an [experiment] section.
    #[arg(long)]
    config: PathBuf,
    /// Folder of results.json, results.md, results.csv, scatter.png and the cells.
    #[arg(long)]
    out: PathBuf,
    /// Cells at once, one thread each; as many as there are cores when not given.
    #[arg(long)]
    jobs: Option<usize>,
    /// Go on with what the folder holds: what is finished there is not run again.
    #[arg(long)]
    resume: bool,
    #[arg(long, default_value = "auto", help = device::HELP)]
    device: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Run this cell alone, in this process.
    #[arg(long, hide = true)]
    cell: Option<String>,
}

/// Runs the experiment, or one of its cells.
pub(crate) fn run(arguments: &Arguments) -> Result<(), TrainError> {
    let experiment = Experiment::read(&arguments.config)?;
    let device = device::by_name(&arguments.device)?;
    let cells = Cell::all(&experiment);
    let out = &arguments.out;
    if let Some(name) = &arguments.cell {
        end_with_parent();
        let cell = cells.iter().find(|cell| cell.name() == *name);
        let cell =
            cell.ok_or_else(|| TrainError::Config(format!("the experiment has no cell {name}")))?;
        return cell.run(out, &device).map(|_| ());
    }
    check_folder(out, arguments.resume)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let launch = Launch {
        config: &arguments.config,
        out,
        device: &arguments.device,
        jobs: arguments.jobs.unwrap_or(cores),
    };
    let mut missing = false;
    for cell in &cells {
        missing |= cell.finished(out)?.is_none();
    }
    if missing {
        let spinner = spinner("drawing images");
        images::draw(&experiment, out)?;
        spinner.finish_and_clear();
    }
    let progress = bar(cells.len() * experiment.run.train.steps);
    let outcome = run_cells(&cells, launch, &progress, |results| {
        Results::of(&experiment, results, &arguments.device).write(&experiment, out)
    });
    progress.finish_and_clear();
    let results = Results::of(&experiment, &outcome?, &arguments.device);
    images::remove(out)?;
    print(&results, arguments.json, || {
        results.to_markdown(&experiment)
    })
}

/// Results of two experiments must not mix.
fn check_folder(out: &Path, resume: bool) -> Result<(), TrainError> {
    if resume || !out.exists() {
        return Ok(());
    }
    let mut entries = std::fs::read_dir(out).map_err(TrainError::io(out, "read"))?;
    if entries.next().is_none() {
        return Ok(());
    }
    Err(TrainError::Content {
        path: out.to_owned(),
        reason: "is not empty; --resume goes on with what it holds".into(),
    })
}
