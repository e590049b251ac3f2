//! One tokenizer with one seed: its tokens, an encoder trained on them, and what both are worth.

use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::tensor::Device;
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};

use super::config::{Entry, Experiment, Kind};
use super::tokens::{GroupTokens, RandomTokens};
use crate::atomic;
use crate::codebook::{Codebook, CodebookConfig, Request, SpaceKind, build};
use crate::collective::Solo;
use crate::config::Config;
use crate::data::Source;
use crate::encoder::EncoderFile;
use crate::error::TrainError;
use crate::evaluate::alignment::{Alignment, align};
use crate::evaluate::features::Features;
use crate::evaluate::knn::{KnnReport, knn};
use crate::evaluate::probe::{ProbeReport, probe};
use crate::pretrain::checkpoint;
use crate::pretrain::targets::Targets;
use crate::pretrain::trainer::{Run, pretrain};
use crate::tokenizer::{self, Tokenizer};

/// One tokenizer of an experiment with one seed.
#[derive(Debug, Clone, Copy)]
pub struct Cell<'a> {
    /// The experiment.
    pub experiment: &'a Experiment,
    /// The tokenizer.
    pub entry: &'a Entry,
    /// The seed.
    pub seed: u64,
}

/// What was measured in a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellResult {
    /// [`Cell::identity`].
    pub identity: String,
    /// The tokenizer's name.
    pub tokenizer: String,
    /// The seed.
    pub seed: u64,
    /// TCAS and its companions on the test images; none without tokens.
    pub alignment: Option<Alignment>,
    /// Loss of the last line of the log, in nats, or squared error for `mae`.
    pub loss: f64,
    /// Linear probes of the encoder.
    pub probe: ProbeReport,
    /// Nearest neighbours of the encoder.
    pub knn: KnnReport,
    /// Seconds on one thread.
    pub seconds: Seconds,
}

/// How long the parts of a cell took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    /// Images, codebook and TCAS.
    pub tokens: f64,
    /// Training, in the process that finished it.
    pub pretrain: f64,
    /// Features, probe and neighbours.
    pub evaluate: f64,
}

impl<'a> Cell<'a> {
    /// All cells, entry by entry.
    pub fn all(experiment: &'a Experiment) -> Vec<Self> {
        let plan = &experiment.plan;
        let seeds = |entry| {
            plan.seeds.iter().map(move |&seed| Self {
                experiment,
                entry,
                seed,
            })
        };
        plan.entries.iter().flat_map(seeds).collect()
    }

    /// The cell whose encoder this one's features are of.
    pub fn teacher(&self) -> Option<Self> {
        let name = self.entry.teacher.as_deref()?;
        let entry = self.experiment.plan.entry(name)?;
        Some(Self { entry, ..*self })
    }

    /// What it is called in messages, on the command line and as a folder.
    pub fn name(&self) -> String {
        format!("{}-seed{}", self.entry.name(), self.seed)
    }

    /// Its folder in the experiment's folder `out`.
    pub fn folder(&self, out: &Path) -> PathBuf {
        out.join("cells").join(self.name())
    }

    /// The run that all cells share, with this one's seed.
    pub fn config(&self) -> Config {
        let mut config = self.experiment.run.clone();
        config.codebook.seed = self.seed;
        config.train.seed = self.seed;
        config
    }

    /// A hash of all that decides its result: configuration, images, tokenizer, seed, and the same
    /// of its teacher. The tokenizer's name is not part of it.
    ///
    /// # Errors
    /// [`TrainError::Config`] when the configuration cannot be written down.
    pub fn identity(&self) -> Result<String, TrainError> {
        let config = self.config();
        let teacher = self
            .teacher()
            .map(|teacher| teacher.identity())
            .transpose()?;
        let images = &self.experiment.plan.images;
        let parts = (
            &config,
            &config.evaluate,
            images,
            self.entry.kind,
            self.seed,
            teacher,
        );
        let mut text = serde_json::to_string(&parts)
            .map_err(|error| TrainError::Config(format!("cannot be written down: {error}")))?;
        if let Some(together) = self.entry.classes_together {
            text += &format!(" classes_together {together}");
        }
        Ok(blake3::hash(text.as_bytes()).to_hex().to_string())
    }

    /// What an earlier run left in `out`, if it finished the cell.
    ///
    /// # Errors
    /// [`TrainError::Content`] when it is of another experiment, or damaged.
    pub fn finished(&self, out: &Path) -> Result<Option<CellResult>, TrainError> {
        let path = self.folder(out).join("cell.json");
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).map_err(TrainError::io(&path, "read"))?;
        let result: CellResult = serde_json::from_str(&text)
            .map_err(TrainError::content(&path, "not a cell's result"))?;
        if result.identity != self.identity()? {
            return Err(TrainError::Content {
                path,
                reason: "is of another configuration; give that one, or another --out".into(),
            });
        }
        Ok(Some(result))
    }

    /// Does the work, taking up an interrupted training, and leaves `cell.json`, the codebook and
    /// the encoder in the cell's folder.
    ///
    /// # Errors
    /// What codebook, training or evaluation report.
    pub fn run(&self, out: &Path, device: &Device) -> Result<CellResult, TrainError> {
        let (config, folder) = (self.config(), self.folder(out));
        let sets = &self.experiment.plan.images;
        let mut clock = Instant::now();
        let mut lap = || {
            std::mem::replace(&mut clock, Instant::now())
                .elapsed()
                .as_secs_f64()
        };
        let images = self.experiment.open(&sets.pretrain, out)?;
        let test = self.experiment.open(&sets.test, out)?;
        let (targets, baseline) = self.targets(&config, &*images, out, device)?;
        let alignment = match &targets {
            Targets::Tokens(tokenizer) => Some(align(
                &**tokenizer,
                &config.model,
                &*test,
                &Solo,
                |_, _| Ok(()),
            )?),
            Targets::Pixels => None,
        };
        let tokens = lap();
        let identity = self.identity()?;
        let run = Run {
            config: &config,
            images: &*images,
            targets: &targets,
            baseline,
            targets_id: &identity,
            out: &folder,
            device,
            collective: &Solo,
            resume: folder.join(checkpoint::FILE).exists(),
            stop_after: None,
        };
        let records = pretrain(run, &ProgressBar::hidden())?;
        let pretrain = lap();
        let (probe, knn) = self.judge(&config, [&*images, &*test], out, device)?;
        let evaluate = lap();
        let result = CellResult {
            identity,
            tokenizer: self.entry.name().to_owned(),
            seed: self.seed,
            alignment,
            loss: records.last().map_or(f64::NAN, |record| record.loss),
            probe,
            knn,
            seconds: Seconds {
                tokens,
                pretrain,
                evaluate,
            },
        };
        let path = folder.join("cell.json");
        let text = serde_json::to_string_pretty(&result)
            .map_err(TrainError::content(&path, "cannot be written"))?;
        atomic::write(&path, text.as_bytes())?;
        Ok(result)
    }

    /// What is guessed, and the loss of guessing without looking.
    fn targets(
        &self,
        config: &Config,
        images: &dyn Source,
        out: &Path,
        device: &Device,
    ) -> Result<(Targets, f64), TrainError> {
        let tokens = config.codebook.tokens;
        match self.entry.kind {
            // Standardised pixels have variance 1.
            Kind::Mae => Ok((Targets::Pixels, 1.0)),
            Kind::Random => {
                let random = RandomTokens {
                    tokens,
                    patch_dim: config.model.patch_dim(),
                    seed: self.seed,
                };
                Ok((Targets::Tokens(Box::new(random)), (tokens as f64).ln()))
            }
            Kind::GroupedLabels => {
                let (classes, together) = (
                    images.class_names().len(),
                    self.entry.classes_together.unwrap_or(1),
                );
                let mut config = config.clone();
                config.codebook.tokens = GroupTokens::tokens_each(tokens, classes, together);
                config.codebook.check()?;
                let codebook = self.codebook(&config, images, None, device)?;
                let grouped = GroupTokens {
                    pixels: tokenizer::open(&codebook, None, &config.model, device)?,
                    classes_together: together,
                    classes,
                };
                let entropy = (grouped.tokens() as f64).ln();
                Ok((Targets::Tokens(Box::new(grouped)), entropy))
            }
            _ => {
                let teacher = self
                    .teacher()
                    .map(|cell| cell.folder(out).join("encoder.safetensors"));
                let codebook = self.codebook(config, images, teacher.as_deref(), device)?;
                codebook.write(&self.folder(out).join("codebook.safetensors"))?;
                let entropy = codebook.unigram_entropy();
                let tokenizer =
                    tokenizer::open(&codebook, teacher.as_deref(), &config.model, device)?;
                Ok((Targets::Tokens(tokenizer), entropy))
            }
        }
    }

    fn codebook(
        &self,
        config: &Config,
        images: &dyn Source,
        teacher: Option<&Path>,
        device: &Device,
    ) -> Result<Codebook, TrainError> {
        let space = match self.entry.kind {
            Kind::Pixels | Kind::GroupedLabels => SpaceKind::Pixels,
            Kind::RandomProjection => SpaceKind::RandomProjection,
            Kind::Features => SpaceKind::Features,
            Kind::Labels => SpaceKind::Labels,
            Kind::Random | Kind::Mae => {
                return Err(TrainError::Config(format!(
                    "tokenizer kind {} has no codebook",
                    self.entry.kind.name()
                )));
            }
        };
        let settings = CodebookConfig {
            space: Some(space),
            ..config.codebook.clone()
        };
        let built = build(&Request {
            config: &settings,
            model: &config.model,
            source: images,
            encoder: teacher,
            device,
            collective: &Solo,
            state: None,
            resume: false,
            stop_after: None,
            progress: &ProgressBar::hidden(),
        })?;
        let built = built.map(|built| built.codebook);
        built.ok_or_else(|| TrainError::Config("the codebook was not finished".into()))
    }

    /// Probe and neighbours of the cell's encoder.
    fn judge(
        &self,
        config: &Config,
        [images, test]: [&dyn Source; 2],
        out: &Path,
        device: &Device,
    ) -> Result<(ProbeReport, KnnReport), TrainError> {
        let path = self.folder(out).join("encoder.safetensors");
        let encoder = EncoderFile::read(&path, device)?;
        let hidden = ProgressBar::hidden();
        let train = match &self.experiment.plan.images.probe {
            Some(set) => Features::of(&encoder, &*self.experiment.open(set, out)?, &hidden)?,
            None => Features::of(&encoder, images, &hidden)?,
        };
        let test = Features::of(&encoder, test, &hidden)?;
        let probe = probe(&config.evaluate, &train, &test, self.seed)?;
        let knn = knn(&config.evaluate, &train, &test)?;
        Ok((probe, knn))
    }
}
