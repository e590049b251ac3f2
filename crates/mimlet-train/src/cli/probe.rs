//! `mimlet-train probe`.

use std::path::PathBuf;

use clap::Args;

use super::inputs::Images;
use super::print;
use crate::device;
use crate::encoder::EncoderFile;
use crate::error::TrainError;
use crate::evaluate::probe::probe;

/// Flags of `probe`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    images: Images,
    /// ImageFolder to score on.
    #[arg(long)]
    test: PathBuf,
    /// The encoder.
    #[arg(long)]
    encoder: PathBuf,
    /// cpu or auto.
    #[arg(long, default_value = "auto")]
    device: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Probes.
pub(crate) fn run(arguments: &Arguments) -> Result<(), TrainError> {
    let (config, train) = arguments.images.read()?;
    let device = device::by_name(&arguments.device)?;
    let encoder = EncoderFile::open(&arguments.encoder, &config.model, &device)?;
    let test = arguments.images.read_test(&config, Some(&arguments.test))?;
    if test.class_names() != train.class_names() {
        return Err(TrainError::Config(format!(
            "{} has other classes than the training images",
            arguments.test.display()
        )));
    }
    let report = probe(&encoder, &*train, &*test, config.train.seed)?;
    print(&report, arguments.json, || {
        format!(
            "accuracy on {} images: class token {:.4}, mean patch {:.4}",
            report.test_images, report.class_token, report.mean_patch
        )
    })
}
