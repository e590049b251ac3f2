//! The training loop.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use burn::module::Module;
use burn::tensor::Device;
use indicatif::ProgressBar;

use super::batch::Batches;
use super::checkpoint::{self, Checkpoint};
use super::log::{Log, Record};
use super::optim::AdamW;
use super::panels::Panels;
use super::step::Stepper;
use super::targets::Targets;
use super::window::Window;
use super::{plot, tensorboard};
use crate::atomic;
use crate::collective::Collective;
use crate::config::Config;
use crate::data::Source;
use crate::data::prefetch::{Ahead, ordered};
use crate::encoder::write_encoder;
use crate::error::TrainError;
use crate::nn::init::Init;
use crate::nn::mae::Mae;
use crate::nn::state::read_state;
use crate::picture::png;
use crate::tensors::Precision;

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
    /// Folder of checkpoint, log, curves, panels and encoder; process 0 alone writes.
    pub out: &'a Path,
    /// Device to train on, without autodiff.
    pub device: &'a Device,
    /// The processes that train together.
    pub collective: &'a dyn Collective,
    /// Take up the checkpoint in `out`.
    pub resume: bool,
    /// Stop after this many steps instead of `train.steps`.
    pub stop_after: Option<usize>,
}

/// Trains and writes into the run's folder: `encoder.safetensors` (f16), the checkpoint,
/// `log.jsonl`, a TensorBoard event file, `loss.png` and `panels.png`. Returns the log.
///
/// # Errors
/// [`TrainError::Config`] when images, targets and model disagree, [`TrainError::Diverged`],
/// [`TrainError::Io`].
pub fn pretrain(run: Run<'_>, progress: &ProgressBar) -> Result<Vec<Record>, TrainError> {
    run.check()?;
    std::fs::create_dir_all(run.out).map_err(TrainError::io(run.out, "create"))?;
    let device = run.device.clone().autodiff();
    let mut state = run.start(&device)?;
    let mut writer = Writer::open(&run, state.step)?;
    let share = [run.collective.rank(), run.collective.world()];
    let batches = Batches::new(run.config, run.images, share);
    let stepper = Stepper {
        config: run.config,
        targets: run.targets,
        collective: run.collective,
        device: &device,
    };
    let train = &run.config.train;
    let stop = run
        .stop_after
        .map_or(train.steps, |stop| stop.min(train.steps));
    let mut window = Window::new();
    progress.set_position(state.step as u64);
    let ahead = Ahead::of_batches(&run.config.data);
    let make = |step| batches.get(step);
    state = ordered(state.step..stop, ahead, make, |made| {
        while let Some(batch) = made.next() {
            let outcome;
            (state, outcome) = stepper.take(state, &batch?)?;
            window.add(state.step, outcome)?;
            progress.inc(1);
            if window.stumbled() {
                progress.println(format!("step {}: not finite, skipped", state.step));
            }
            let last = state.step == stop;
            if last || state.step.is_multiple_of(train.log_every) {
                let record = window.record(state.step, train.batch, made.rate(), state.skipped);
                progress.set_message(format!("loss {:.4}", record.loss));
                writer.record(record)?;
            }
            if last || state.step.is_multiple_of(train.checkpoint_every.max(1)) {
                writer.save(&run, &state)?;
            }
        }
        Ok::<_, TrainError>(state)
    })?;
    progress.finish();
    writer.finish(&run, &state)
}

impl Run<'_> {
    /// That the run's parts can work together.
    fn check(&self) -> Result<(), TrainError> {
        let (train, world) = (&self.config.train, self.collective.world());
        if !train.batch.is_multiple_of(world) {
            return Err(TrainError::Config(format!(
                "train.batch is {}, which {world} processes cannot share evenly",
                train.batch
            )));
        }
        if self.images.is_empty() {
            return Err(TrainError::Config("there are no images to train on".into()));
        }
        Ok(())
    }

    /// Fresh weights, the same on all processes, or the checkpoint's.
    fn start(&self, device: &Device) -> Result<Checkpoint, TrainError> {
        let outputs = self.targets.outputs(&self.config.model);
        let mut init = Init::new(self.config.train.seed, device);
        let model = Mae::new(self.config, outputs, &mut init);
        if self.resume {
            return checkpoint::load(self.out, self.config, self.targets_id, model, device);
        }
        Ok(Checkpoint {
            model,
            optimizer: AdamW::default(),
            step: 0,
            updates: 0,
            skipped: 0,
        })
    }
}

/// What process 0 writes; the others write nothing.
#[derive(Debug)]
struct Writer {
    parts: Option<Parts>,
    records: Vec<Record>,
}

#[derive(Debug)]
struct Parts {
    log: Log,
    panels: Panels,
    /// Seconds since 1970 at the start.
    started: f64,
}

impl Writer {
    fn open(run: &Run<'_>, step: usize) -> Result<Self, TrainError> {
        let mut writer = Self {
            parts: None,
            records: Vec::new(),
        };
        if run.collective.rank() == 0 {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            writer.parts = Some(Parts {
                log: Log::open(run.out, step)?,
                panels: Panels::new(run.config, run.images)?,
                started: now.unwrap_or_default().as_secs_f64(),
            });
        }
        Ok(writer)
    }

    fn record(&mut self, record: Record) -> Result<(), TrainError> {
        match &mut self.parts {
            Some(parts) => parts.log.add(record),
            None => {
                self.records.push(record);
                Ok(())
            }
        }
    }

    /// The checkpoint first: it is what must not be lost.
    fn save(&self, run: &Run<'_>, state: &Checkpoint) -> Result<(), TrainError> {
        let Some(parts) = &self.parts else {
            return Ok(());
        };
        checkpoint::save(run.out, run.config, run.targets_id, state)?;
        plot::write_curve(&run.out.join("loss.png"), &parts.log.records, run.baseline)?;
        let model = state.model.valid();
        let picture = parts
            .panels
            .draw(run.config, run.targets, &model, run.device)?;
        let path = run.out.join("panels.png");
        let bytes = png(&path, &picture)?;
        atomic::write(&path, &bytes)?;
        let size = [picture.width(), picture.height()];
        let pictures = [("panels", &bytes[..], size)];
        tensorboard::write(run.out, parts.started, &parts.log.records, &pictures)
    }

    fn finish(self, run: &Run<'_>, state: &Checkpoint) -> Result<Vec<Record>, TrainError> {
        let Some(parts) = self.parts else {
            return Ok(self.records);
        };
        let path = run.out.join("encoder.safetensors");
        let weights = read_state(&state.model);
        write_encoder(&path, &run.config.model, &weights, Precision::F16)?;
        Ok(parts.log.records)
    }
}
