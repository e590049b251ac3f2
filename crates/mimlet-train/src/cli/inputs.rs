//! Flags that several commands share, and the images they lead to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::config::Config;
use crate::data::{self, OpenOptions, Part, Source, Split, Tolerant};
use crate::error::TrainError;
use crate::synth;

/// Where images come from.
#[derive(Debug, Args)]
pub(crate) struct Images {
    /// The run's TOML file.
    #[arg(long)]
    pub(crate) config: PathBuf,
    /// A folder of class folders, WebDataset shards (a folder, a .tar, or train-{000..012}.tar),
    /// CIFAR's binary version, IDX files, or an .npz; without it the configuration's `[data] synth`
    /// is made.
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
    /// Part of the data: train, test or all; of a set without parts of its own with that part's
    /// share, as in train:0.8.
    #[arg(long)]
    pub(crate) split: Option<Split>,
    /// Unreadable images to leave out before giving up; overrides `[data] max_bad`.
    #[arg(long)]
    pub(crate) max_bad: Option<usize>,
}

impl Images {
    /// The configuration, with these sections given in it, and the images: the part to train on, unless
    /// `--split` says otherwise.
    pub(crate) fn read(&self, needed: &[&str]) -> Result<(Config, Box<dyn Source>), TrainError> {
        let mut config = Config::read(&self.config, needed)?;
        if self.max_bad.is_some() {
            config.data.max_bad = self.max_bad;
        }
        let share = self.split.and_then(|split| split.test_fraction);
        config.data.test_fraction = share.unwrap_or(config.data.test_fraction);
        let part = self.split.map_or(Part::Train, |split| split.part);
        let images = self.part(&config, part)?;
        Ok((config, images))
    }

    /// The images to score on: those of `test`, or without it what is held out of the data.
    /// `config` is the one that [`Images::read`] gave.
    pub(crate) fn read_test(
        &self,
        config: &Config,
        test: Option<&Path>,
    ) -> Result<Box<dyn Source>, TrainError> {
        // Named as the data it is its held-out part, unless nothing is held out.
        let held_out = config.data.test_fraction > 0.0;
        match test {
            Some(path) if !held_out || Some(path) != self.data.as_deref() => {
                open_test(path, config)
            }
            _ => self.part(config, Part::Test),
        }
    }

    fn part(&self, config: &Config, part: Part) -> Result<Box<dyn Source>, TrainError> {
        let options = OpenOptions::new(&config.data, part);
        let images = match (&self.data, config.data.synth) {
            (Some(path), _) => data::open(path, &options)?,
            (None, Some(synth)) => {
                let spinner = spinner("drawing images");
                let images = synth::generate(synth)?;
                spinner.finish_and_clear();
                data::split_off(Box::new(images), &options)?
            }
            (None, None) => {
                return Err(TrainError::Config(
                    "give --data PATH, or set data.synth".into(),
                ));
            }
        };
        Ok(tolerant(images, config))
    }
}

/// The test part of the data set at `path`, where it has one of its own; else all of it.
pub(crate) fn open_test(path: &Path, config: &Config) -> Result<Box<dyn Source>, TrainError> {
    let images = data::open_test(path, &OpenOptions::new(&config.data, Part::Test))?;
    Ok(tolerant(images, config))
}

/// The same images, of which a few may be bad.
fn tolerant(images: Box<dyn Source>, config: &Config) -> Box<dyn Source> {
    Box::new(Tolerant::new(images, config.data.max_bad))
}

/// A sign of life for work of unknown length; hidden when stderr is no terminal.
pub(crate) fn spinner(message: &'static str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(message);
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}

/// A bar with the time left; hidden when stderr is no terminal.
pub(crate) fn bar(length: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {eta} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length as u64).with_style(style)
}
