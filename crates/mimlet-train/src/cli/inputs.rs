//! Flags that several commands share, and the images they lead to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::config::Config;
use crate::data::{FolderSource, Source};
use crate::error::TrainError;
use crate::synth;

/// Where images come from.
#[derive(Debug, Args)]
pub(crate) struct Images {
    /// The run's TOML file.
    #[arg(long)]
    pub(crate) config: PathBuf,
    /// ImageFolder (<class>/<image>); without it the configuration's `[data] synth` is made.
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
}

impl Images {
    /// The configuration and the images.
    pub(crate) fn read(&self) -> Result<(Config, Box<dyn Source>), TrainError> {
        let config = Config::read(&self.config)?;
        let images: Box<dyn Source> = match (&self.data, config.data.synth) {
            (Some(folder), _) => open(folder)?,
            (None, Some(synth)) => {
                let spinner = spinner("drawing images");
                let images = synth::generate(synth)?;
                spinner.finish_and_clear();
                Box::new(images)
            }
            (None, None) => {
                return Err(TrainError::Config(
                    "give --data DIR, or set data.synth".into(),
                ));
            }
        };
        Ok((config, images))
    }
}

/// The data set at `path`.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Source>, TrainError> {
    Ok(Box::new(FolderSource::open(path)?))
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
