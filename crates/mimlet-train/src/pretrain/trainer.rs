//! The training loop.

use std::path::Path;
use std::time::Instant;

use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use indicatif::ProgressBar;

use super::batch::{Batches, HostBatch};
use super::checkpoint::{self, Checkpoint};
use super::log::{Log, Record};
use super::optim::{AdamW, StepSize};
use super::plot;
use super::targets::Targets;
use crate::config::Config;
use crate::data::Source;
use crate::encoder::write_encoder;
use crate::error::TrainError;
use crate::nn::init::Init;
use crate::nn::mae::{Mae, MaskedImages};
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
    /// Training images.
    pub images: &'a dyn Source,
    /// What the hidden patches' guesses are held to.
    pub targets: &'a Targets,
    /// The loss of a network that has learnt nothing but the targets' own distribution.
    pub baseline: f64,
    /// Which targets these are, as text that changes when they do: a resumed run must have the same.
    pub targets_id: &'a str,
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
    std::fs::create_dir_all(run.out).map_err(TrainError::io(run.out, "create"))?;
    let device = run.device.clone().autodiff();
    let mut state = start(&run, &device)?;
    let mut log = Log::open(run.out, state.step)?;
    let batches = Batches::new(run.config, run.images);
    let mut window = Window::new();
    let every = run.config.train.checkpoint_every.max(1);
    let last = run.config.train.steps;
    let stop = run.stop_after.map_or(last, |stop| stop.min(last));
    progress.set_position(state.step as u64);
    while state.step < stop {
        state = step(&run, state, &batches, &mut window, &device)?;
        progress.inc(1);
        if state.step.is_multiple_of(run.config.train.log_every) || state.step == stop {
            let record = window.record(run.config, state.step);
            progress.set_message(format!("loss {:.4}", record.loss));
            log.add(record)?;
        }
        if state.step.is_multiple_of(every) || state.step == stop {
            checkpoint::save(run.out, run.config, run.targets_id, &state)?;
            plot::write_curve(&run.out.join("loss.png"), &log.records, run.baseline)?;
        }
    }
    progress.finish();
    let path = run.out.join("encoder.safetensors");
    let weights = read_state(&state.model);
    write_encoder(&path, &run.config.model, &weights, Precision::F16)?;
    Ok(log.records)
}

/// Fresh weights, or the checkpoint's.
fn start(run: &Run<'_>, device: &Device) -> Result<Checkpoint, TrainError> {
    let outputs = run.targets.outputs(&run.config.model);
    let model = Mae::new(
        run.config,
        outputs,
        &mut Init::new(run.config.train.seed, device),
    );
    if run.resume {
        return checkpoint::load(run.out, run.config, run.targets_id, model, device);
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
    batches: &Batches<'_>,
    window: &mut Window,
    device: &Device,
) -> Result<Checkpoint, TrainError> {
    let train = &run.config.train;
    let batch = batches.get(state.step)?;
    let targets = run.targets.of(&run.config.model, &batch)?;
    let outputs = state.model.forward(on_device(run.config, &batch, device));
    let loss = targets.loss(outputs, device);
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

/// What the encoder sees of `batch`, on the device.
fn on_device(config: &Config, batch: &HostBatch, device: &Device) -> MaskedImages {
    let (patches, width) = (config.model.patches(), config.model.patch_dim());
    let per_image = batch.visible.len() / batch.len();
    let mut seen = Vec::with_capacity(batch.visible.len() * width);
    for (image, visible) in batch.visible.chunks_exact(per_image).enumerate() {
        for &at in visible {
            let row = image * patches + at as usize;
            seen.extend_from_slice(&batch.patches[row * width..(row + 1) * width]);
        }
    }
    let rows = batch.visible.len();
    MaskedImages {
        batch: batch.len(),
        patches: Tensor::from_data(TensorData::new(seen, [rows, width]), device),
        visible: indices(&batch.visible, device),
        masked: indices(&batch.masked, device),
    }
}

fn indices(values: &[u32], device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = values.iter().map(|&value| value as i32).collect();
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
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
