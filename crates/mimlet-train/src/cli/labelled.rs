//! Flags of the commands that judge frozen features, and the features they lead to.

use std::path::PathBuf;

use clap::Args;

use super::inputs::{Images, bar};
use crate::config::Config;
use crate::device;
use crate::encoder::EncoderFile;
use crate::error::TrainError;
use crate::evaluate::features::Features;

/// An encoder with images to learn from and images to score on.
#[derive(Debug, Args)]
pub(crate) struct Labelled {
    #[command(flatten)]
    images: Images,
    /// Data set to score on; what is held out of the data when not given.
    #[arg(long)]
    test: Option<PathBuf>,
    /// The encoder.
    #[arg(long)]
    encoder: PathBuf,
    #[arg(long, default_value = "auto", help = device::HELP)]
    device: String,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Labelled {
    /// The configuration, and the features of both sets.
    pub(crate) fn read(&self) -> Result<(Config, Features, Features), TrainError> {
        let (config, train) = self.images.read(&[])?;
        let device = device::by_name(&self.device)?;
        let encoder = EncoderFile::open(&self.encoder, &config.model, &device)?;
        let test = self.images.read_test(&config, self.test.as_deref())?;
        let progress = bar(train.len() + test.len()).with_message("images encoded");
        let train = Features::of(&encoder, &*train, &progress)?;
        let test = Features::of(&encoder, &*test, &progress)?;
        progress.finish_and_clear();
        Ok((config, train, test))
    }
}
