//! The training loop.

use std::path::Path;
use std::time::Instant;

use burn::optim::GradientsParams;
use burn::tensor::Device;
use indicatif::ProgressBar;

use super::batch::Batches;
use super::checkpoint::{self, Checkpoint};
use super::log::{Log, Record};
use super::optim::{AdamW, StepSize};
use super::plot;
use crate::codebook::{Assigner, Codebook};
use crate::config::Config;
use crate::dataset::ImageSet;
use crate::encoder::write_encoder;
use crate::error::TrainError;
use crate::nn::init::Init;
use crate::nn::mae::{Mae, cross_entropy};
use crate::nn::state::{host_values, read_state};
use crate::schedule::learning_rate;
use crate::tensors::Precision;

/// Steps without a finite gradient after which a run is given up.
const PATIENCE: usize = 10;

/// Where a run reads and writes, and how.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The run.
    pub config: &'a Config,
    /// Training images, of the model's size.
    pub images: &'a ImageSet,
    /// Pixel codebook that gives the targets.
    pub codebook: &'a Codebook,
    /// BLAKE3 of the codebook's file.
    pub codebook_hash: &'a str,
    /// Folder of checkpoint, log, loss curve and encoder.
    pub out: &'a Path,
    /// Device to train on, without autodiff.
    pub device: &'a Device,
    /// Take up the checkpoint in `out`.
    pub resume: bool,
    /// Stop after this many steps instead of `train.steps`.
    pub stop_after: Option<usize>,
}

/// Trains and writes `encoder.safetensors` (f16), the checkpoint, `log.jsonl` and `loss.png` into
/// the run's folder. Returns the log.
///
/// # Errors
/// [`TrainError::Config`] when images, codebook and model disagree, [`TrainError::Diverged`],
/// [`TrainError::Io`].
pub fn pretrain(run: Run<'_>, progress: &ProgressBar) -> Result<Vec<Record>, TrainError> {
    check(&run)?;
    std::fs::create_dir_all(run.out).map_err(TrainError::io(run.out, "create"))?;
    let device = run.device.clone().autodiff();
    let mut state = start(&run, &device)?;
    let mut log = Log::open(run.out, state.step)?;
    let tokens = Assigner::new(&run.codebook.centers, run.codebook.dim);
    let mut batches = Batches::new(run.config, run.images, tokens);
    let mut window = Window::new();
    let every = run.config.train.checkpoint_every.max(1);
    let last = run.config.train.steps;
    let stop = run.stop_after.map_or(last, |stop| stop.min(last));
    progress.set_position(state.step as u64);
    while state.step < stop {
        state = step(&run, state, &mut batches, &mut window, &device)?;
        progress.inc(1);
        if state.step.is_multiple_of(run.config.train.log_every) || state.step == stop {
            let record = window.record(run.config, state.step);
            progress.set_message(format!("loss {:.4}", record.loss));
            log.add(record)?;
        }
        if state.step.is_multiple_of(every) || state.step == stop {
            checkpoint::save(run.out, run.config, run.codebook_hash, &state)?;
            plot::write_curve(&run.out.join("loss.png"), &log.records, run.codebook)?;
        }
    }
    progress.finish();
    let path = run.out.join("encoder.safetensors");
    let weights = read_state(&state.model);
    write_encoder(&path, &run.config.model, &weights, Precision::F16)?;
    Ok(log.records)
}

/// That images, codebook and model belong together.
fn check(run: &Run<'_>) -> Result<(), TrainError> {
    let model = &run.config.model;
    run.images.check_size(model)?;
    let codebook = run.codebook;
    codebook.check_pixels(model)?;
    if codebook.tokens() != run.config.codebook.tokens {
        return Err(TrainError::Config(format!(
            "the codebook has {} tokens, codebook.tokens is {}",
            codebook.tokens(),
            run.config.codebook.tokens
        )));
    }
    Ok(())
}

/// Fresh weights, or the checkpoint's.
fn start(run: &Run<'_>, device: &Device) -> Result<Checkpoint, TrainError> {
    let model = Mae::new(run.config, &mut Init::new(run.config.train.seed, device));
    if run.resume {
        return checkpoint::load(run.out, run.config, run.codebook_hash, model, device);
    }
    Ok(Checkpoint {
        model,
        optimizer: AdamW::default(),
        step: 0,
        updates: 0,
    })
}

/// One step: forward, backward, update. A step whose gradient is not finite changes nothing.
fn step(
    run: &Run<'_>,
    mut state: Checkpoint,
    batches: &mut Batches<'_>,
    window: &mut Window,
    device: &Device,
) -> Result<Checkpoint, TrainError> {
    let train = &run.config.train;
    let (input, targets) = batches.get(state.step, device);
    let loss = cross_entropy(state.model.forward(input), targets);
    let value = f64::from(host_values(loss.clone().inner())[0]);
    let gradients = GradientsParams::from_grads(loss.backward(), &state.model);
    let size = StepSize {
        rate: learning_rate(train, state.step),
        weight_decay: train.weight_decay,
        clip: train.clip,
    };
    let (model, norm) = state.optimizer.step(state.model, gradients, size);
    state.model = model;
    state.step += 1;
    if value.is_finite() && norm.is_finite() {
        state.updates += 1;
        window.add(value, norm, size.rate);
    } else {
        window.skip(state.step)?;
    }
    Ok(state)
}

/// Sums since the last line of the log.
#[derive(Debug)]
struct Window {
    started: Instant,
    since: Instant,
    losses: Vec<f64>,
    norms: Vec<f64>,
    rate: f64,
    skipped: usize,
}

impl Window {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            started: now,
            since: now,
            losses: Vec::new(),
            norms: Vec::new(),
            rate: 0.0,
            skipped: 0,
        }
    }

    fn add(&mut self, loss: f64, norm: f64, rate: f64) {
        self.losses.push(loss);
        self.norms.push(norm);
        self.rate = rate;
        self.skipped = 0;
    }

    fn skip(&mut self, step: usize) -> Result<(), TrainError> {
        self.skipped += 1;
        if self.skipped < PATIENCE {
            return Ok(());
        }
        Err(TrainError::Diverged {
            step,
            times: self.skipped,
        })
    }

    /// Means since the last call.
    fn record(&mut self, config: &Config, step: usize) -> Record {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let images = self.losses.len() * config.train.batch;
        let record = Record {
            step,
            loss: mean(&self.losses),
            gradient_norm: mean(&self.norms),
            rate: self.rate,
            seconds: self.started.elapsed().as_secs_f64(),
            images_per_second: images as f64 / self.since.elapsed().as_secs_f64(),
        };
        self.since = Instant::now();
        self.losses.clear();
        self.norms.clear();
        record
    }
}
