//! `mimlet-train pretrain`.

use std::path::PathBuf;

use burn::tensor::Device;
use clap::Args;
use indicatif::ProgressBar;

use super::inputs::{Images, bar, spinner};
use super::print;
use crate::codebook::{Codebook, pixel_codebook};
use crate::collective::{self, Collective};
use crate::config::{Config, Precision, TargetKind};
use crate::data::Source;
use crate::device;
use crate::error::TrainError;
use crate::pretrain::targets::Targets;
use crate::pretrain::trainer::{Run, pretrain};
use crate::selftest;
use crate::tokenizer;

/// Flags of `pretrain`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    images: Images,
    /// Folder of checkpoint, log, loss curve, panels and encoder.
    #[arg(long)]
    out: PathBuf,
    /// Codebook; without it one over pixels is made and written into the folder.
    #[arg(long)]
    codebook: Option<PathBuf>,
    /// The encoder of a feature codebook, its teacher.
    #[arg(long)]
    encoder: Option<PathBuf>,
    #[arg(long, default_value = "auto", help = device::HELP)]
    device: String,
    /// Train on a device without holding it to the CPU first.
    #[arg(long)]
    no_self_test: bool,
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

/// What is guessed, with what a run must know of it.
struct Guessed {
    targets: Targets,
    baseline: f64,
    id: String,
}

/// Trains.
pub(crate) fn run(arguments: &Arguments) -> Result<(), TrainError> {
    collective::run(|collective| train(arguments, collective))
}

fn train(arguments: &Arguments, collective: &dyn Collective) -> Result<(), TrainError> {
    let (config, images) = arguments.images.read(&["decoder", "train"])?;
    let device = device::by_name(&arguments.device)?;
    if config.train.precision == Precision::Bf16 && !device::supports_bf16(&device) {
        return Err(TrainError::Config(format!(
            "train.precision is bf16, which {} does not have; set it to f32",
            device::describe(&device)
        )));
    }
    if !arguments.no_self_test
        && let Some(agreement) = selftest::check(&device)?
        && collective.rank() == 0
    {
        eprintln!("mimlet-train: {agreement}");
    }
    let guessed = match config.train.target {
        TargetKind::Tokens => tokens(arguments, &config, &*images, &device, collective)?,
        TargetKind::Pixels => pixels(arguments)?,
    };
    let run = Run {
        config: &config,
        images: &*images,
        targets: &guessed.targets,
        baseline: guessed.baseline,
        targets_id: &guessed.id,
        out: &arguments.out,
        device: &device,
        collective,
        resume: arguments.resume,
        stop_after: arguments.stop_after,
    };
    let progress = match collective.rank() {
        0 => bar(config.train.steps),
        _ => ProgressBar::hidden(),
    };
    let records = pretrain(run, &progress)?;
    if collective.rank() > 0 {
        return Ok(());
    }
    print(&records.last(), arguments.json, || match records.last() {
        Some(last) => format!(
            "step {}: loss {:.4}, {:.4} for knowing the targets' distribution alone; {:.1} images \
             a second of {:.1} that loading could give, {:.1} % of the time waiting; {} steps \
             skipped, {} bad images left out",
            last.step,
            last.loss,
            guessed.baseline,
            last.images_per_second,
            last.images_made_per_second,
            100.0 * last.waited,
            last.skipped,
            images.faults().count()
        ),
        None => "nothing left to train".into(),
    })
}

/// A codebook's tokens; the codebook is made by process 0 when none is given.
fn tokens(
    arguments: &Arguments,
    config: &Config,
    images: &dyn Source,
    device: &Device,
    collective: &dyn Collective,
) -> Result<Guessed, TrainError> {
    let made = arguments.out.join("pixel-codebook.safetensors");
    let path = arguments.codebook.as_ref().unwrap_or(&made);
    let kept = arguments.resume && made.exists();
    if arguments.codebook.is_none() && !kept && collective.rank() == 0 {
        let spinner = spinner("clustering patches");
        let (codebook, _) = pixel_codebook(&config.codebook, &config.model, images)?;
        codebook.write(path)?;
        spinner.finish_and_clear();
    }
    collective.barrier()?;
    let codebook = Codebook::read(path)?;
    let bytes = std::fs::read(path).map_err(TrainError::io(path, "read"))?;
    let teacher = arguments.encoder.as_deref();
    let tokenizer = tokenizer::open(&codebook, teacher, &config.model, device)?;
    Ok(Guessed {
        targets: Targets::Tokens(tokenizer),
        baseline: codebook.unigram_entropy(),
        id: blake3::hash(&bytes).to_hex().to_string(),
    })
}

/// Pixels, which need no codebook.
fn pixels(arguments: &Arguments) -> Result<Guessed, TrainError> {
    if arguments.codebook.is_some() || arguments.encoder.is_some() {
        return Err(TrainError::Config(
            "train.target is pixels, which uses no --codebook and no --encoder; leave them out, \
             or set train.target to tokens"
                .into(),
        ));
    }
    Ok(Guessed {
        targets: Targets::Pixels,
        // Guessing each patch's mean misses by its deviation, which is 1 once standardised.
        baseline: 1.0,
        id: "pixels".into(),
    })
}
