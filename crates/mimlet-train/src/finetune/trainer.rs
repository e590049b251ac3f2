//! The loop of fine-tuning.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Device;
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};

use super::batch::{Shown, show};
use super::depth::Scales;
use super::layers::LayerDecay;
use super::network::{Classifier, soft_cross_entropy};
use crate::atomic;
use crate::config::Config;
use crate::data::prefetch::{Ahead, ordered};
use crate::data::{Source, prepared};
use crate::encoder::{self, EncoderFile};
use crate::error::TrainError;
use crate::evaluate::config::Pooling;
use crate::evaluate::score::Score;
use crate::nn::init::Init;
use crate::nn::state::{host_values, read_state};
use crate::nn::vit::Vit;
use crate::patches::write_patches;
use crate::pretrain::batch::Batches;
use crate::pretrain::log::Log;
use crate::pretrain::optim::{AdamW, StepSize};
use crate::pretrain::step::Outcome;
use crate::pretrain::window::Window;
use crate::schedule::learning_rate;
use crate::tensors::{self, Precision};

/// Test images classified together.
const BLOCK: usize = 64;

/// What to fine-tune, on what.
#[derive(Debug, Clone, Copy)]
pub struct Finetuning<'a> {
    /// The run; `model` is used only without an encoder.
    pub config: &'a Config,
    /// Training images.
    pub train: &'a dyn Source,
    /// Images to score on, once, at the end.
    pub test: &'a dyn Source,
    /// The encoder to start from; without it all weights are fresh.
    pub encoder: Option<&'a Path>,
    /// Folder of `finetuned.safetensors`, `log.jsonl` and `report.json`.
    pub out: &'a Path,
    /// Device to train on, without autodiff.
    pub device: &'a Device,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FinetuneReport {
    /// Whether all weights were fresh.
    pub from_scratch: bool,
    /// Seed.
    pub seed: u64,
    /// Training images.
    pub train_images: usize,
    /// Optimiser steps.
    pub steps: usize,
    /// Mean loss over the last line of the log, nats.
    pub loss: f64,
    /// On the test images.
    pub score: Score,
}

/// Fine-tunes, writes the classifier with timm's names and scores it.
///
/// # Errors
/// [`TrainError::Config`] when images and encoder disagree, [`TrainError::Diverged`],
/// [`TrainError::Io`].
pub fn finetune(run: Finetuning<'_>, progress: &ProgressBar) -> Result<FinetuneReport, TrainError> {
    let device = run.device.clone().autodiff();
    let (config, encoder) = run.start(&device)?;
    let classes = run.train.class_names().len();
    if run.train.class_names() != run.test.class_names() {
        return Err(TrainError::Config(
            "the test images have other classes than the training images; give two sets of the \
             same classes"
                .into(),
        ));
    }
    std::fs::create_dir_all(run.out).map_err(TrainError::io(run.out, "create"))?;
    let settings = &config.finetune;
    let network = Classifier::new(encoder, &config.model, classes, settings.seed, &device);
    let mut log = Log::open(run.out, 0)?;
    let network = run.train(&config, network, &mut log, &device, progress)?;
    progress.finish();
    let score = run.score(&config, &network.valid())?;
    let report = FinetuneReport {
        from_scratch: run.encoder.is_none(),
        seed: settings.seed,
        train_images: run.train.len(),
        steps: settings.steps,
        loss: log.records.last().map_or(f64::NAN, |record| record.loss),
        score,
    };
    run.write(&config, &network, &report)?;
    Ok(report)
}

impl Finetuning<'_> {
    /// The configuration in the terms of the loop, and the encoder to begin with.
    fn start(&self, device: &Device) -> Result<(Config, Vit), TrainError> {
        let mut config = self.config.clone();
        config.train = config.finetune.optimisation(&config.train);
        let encoder = match self.encoder {
            Some(path) => {
                let file = EncoderFile::open(path, &config.model, device)?;
                config.model = file.model.clone();
                file.into_vit()?
            }
            None => Vit::new(&config.model, &mut Init::new(config.finetune.seed, device)),
        };
        config.check()?;
        Ok((config, encoder))
    }

    fn train(
        &self,
        config: &Config,
        mut network: Classifier,
        log: &mut Log,
        device: &Device,
        progress: &ProgressBar,
    ) -> Result<Classifier, TrainError> {
        let settings = &config.finetune;
        let mut optimizer = AdamW::with_layer_decay(LayerDecay {
            decay: settings.layer_decay,
            depth: config.model.depth,
        });
        let batches = Batches::new(config, self.train, [0, 1]);
        let mut window = Window::new();
        let mut skipped = 0;
        let classes = self.train.class_names().len();
        let make = |step| {
            Ok(show(
                settings,
                &config.model,
                batches.get(step)?,
                classes,
                step,
            ))
        };
        let ahead = Ahead::of_batches(&config.data);
        ordered(0..settings.steps, ahead, make, |made| {
            let mut step = 0;
            while let Some(shown) = made.next() {
                let outcome;
                (network, outcome) = take(config, &mut optimizer, network, shown?, step, device);
                step += 1;
                skipped += usize::from(!outcome.is_finite());
                window.add(step, outcome)?;
                progress.inc(1);
                if step == settings.steps || step.is_multiple_of(settings.log_every) {
                    let record = window.record(step, settings.batch, made.rate(), skipped);
                    progress.set_message(format!("loss {:.4}", record.loss));
                    log.add(record)?;
                }
            }
            Ok(network)
        })
    }

    /// How well `network`, without autodiff, names the test images, prepared as on a device.
    fn score(&self, config: &Config, network: &Classifier) -> Result<Score, TrainError> {
        let (model, pooling) = (&config.model, config.finetune.pooling);
        let indices: Vec<usize> = (0..self.test.len()).collect();
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        prepared::for_each_block(self.test, model, &indices, BLOCK, |block| {
            let mut patches = vec![0.0; block.pixels.len()];
            let each = patches.len() / block.len();
            for (pixels, out) in block.images().zip(patches.chunks_exact_mut(each)) {
                write_patches(model, pixels, out);
            }
            let whole = Scales::default();
            let logits = network.forward(model, pooling, patches, &whole, self.device);
            values.extend(host_values(logits).into_iter().map(f64::from));
            labels.extend_from_slice(&block.labels);
            Ok(())
        })?;
        Ok(Score::new(&values, &labels, self.test.class_names()))
    }

    fn write(
        &self,
        config: &Config,
        network: &Classifier,
        report: &FinetuneReport,
    ) -> Result<(), TrainError> {
        let path = self.out.join("finetuned.safetensors");
        let mut metadata: BTreeMap<&str, String> = encoder::metadata(&config.model);
        let text = |value: serde_json::Result<String>| {
            value.map_err(TrainError::content(&path, "cannot be written"))
        };
        let classes = text(serde_json::to_string(self.train.class_names()))?;
        metadata.insert("classes", classes);
        let pool = match config.finetune.pooling {
            Pooling::ClassToken => "token",
            Pooling::MeanPatch => "avg",
        };
        metadata.insert("global_pool", pool.to_owned());
        tensors::write(&path, &read_state(network), &metadata, Precision::F16)?;
        let text = text(serde_json::to_string_pretty(report))?;
        atomic::write(&self.out.join("report.json"), text.as_bytes())
    }
}

/// One step on what is shown.
fn take(
    config: &Config,
    optimizer: &mut AdamW,
    network: Classifier,
    shown: Shown,
    step: usize,
    device: &Device,
) -> (Classifier, Outcome) {
    let (settings, model) = (&config.finetune, &config.model);
    let (depth, images) = (model.depth, settings.batch);
    let scales = Scales::new(settings.drop_path, depth, images, settings.seed, step);
    let logits = network.forward(model, settings.pooling, shown.patches, &scales, device);
    let loss = soft_cross_entropy(logits, shown.targets);
    let value = f64::from(host_values(loss.clone().inner())[0]);
    let gradients = GradientsParams::from_grads(loss.backward(), &network);
    let size = StepSize {
        rate: learning_rate(&config.train, step),
        weight_decay: settings.weight_decay,
        clip: settings.clip,
    };
    let (network, norm) = optimizer.step(network, gradients, size);
    let outcome = Outcome {
        loss: value,
        norm,
        rate: size.rate,
    };
    (network, outcome)
}
