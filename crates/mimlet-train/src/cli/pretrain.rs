//! `mimlet-train pretrain`.

use std::path::PathBuf;

use clap::Args;

use super::inputs::{Images, bar, spinner};
use super::print;
use crate::codebook::{Codebook, pixel_codebook};
use crate::device;
use crate::error::TrainError;
use crate::pretrain::targets::Targets;
use crate::pretrain::trainer::{Run, pretrain};
use crate::tokenizer;

/// Flags of `pretrain`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    images: Images,
    /// Folder of checkpoint, log, loss curve and encoder.
    #[arg(long)]
    out: PathBuf,
    /// Pixel codebook; without it one is made and written into the folder.
    #[arg(long)]
    codebook: Option<PathBuf>,
    /// cpu or auto.
    #[arg(long, default_value = "auto")]
    device: String,
    /// Take up the checkpoint in the folder.
    #[arg(long)]
    resume: bool,
    /// Stop early, after this many steps in all; --resume goes on from there.
    #[arg(long)]
    stop_after: Option<usize>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Trains.
pub(crate) fn run(arguments: &Arguments) -> Result<(), TrainError> {
    let (config, images) = arguments.images.read()?;
    let device = device::by_name(&arguments.device)?;
    let made = arguments.out.join("pixel-codebook.safetensors");
    let path = arguments.codebook.as_ref().unwrap_or(&made);
    if arguments.codebook.is_none() && !(arguments.resume && made.exists()) {
        let spinner = spinner("clustering patches");
        let (codebook, _) = pixel_codebook(&config.codebook, &config.model, &*images)?;
        codebook.write(path)?;
        spinner.finish_and_clear();
    }
    let codebook = Codebook::read(path)?;
    let bytes = std::fs::read(path).map_err(TrainError::io(path, "read"))?;
    let tokenizer = tokenizer::open(&codebook, None, &config.model, &device)?;
    let baseline = codebook.unigram_entropy();
    let run = Run {
        config: &config,
        images: &*images,
        targets: &Targets::Tokens(tokenizer),
        baseline,
        targets_id: &blake3::hash(&bytes).to_hex(),
        out: &arguments.out,
        device: &device,
        resume: arguments.resume,
        stop_after: arguments.stop_after,
    };
    let records = pretrain(run, &bar(config.train.steps))?;
    print(&records.last(), arguments.json, || match records.last() {
        Some(last) => format!(
            "step {}: loss {:.4} nats; the tokens' own entropy is {:.4}",
            last.step, last.loss, baseline
        ),
        None => "nothing left to train".into(),
    })
}
