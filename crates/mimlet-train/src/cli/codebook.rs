//! `mimlet-train codebook`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::inputs::{Images, spinner};
use super::print;
use crate::codebook::{feature_codebook, pixel_codebook};
use crate::device;
use crate::error::TrainError;

/// Flags of `codebook`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    images: Images,
    /// File to write.
    #[arg(long)]
    out: PathBuf,
    /// Cluster this encoder's patch features instead of pixels.
    #[arg(long)]
    encoder: Option<PathBuf>,
    /// cpu or auto.
    #[arg(long, default_value = "auto")]
    device: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    tokens: usize,
    dim: usize,
    inertia: f64,
    unigram_entropy: f64,
}

/// Clusters and writes.
pub(crate) fn run(arguments: &Arguments) -> Result<(), TrainError> {
    let (config, images) = arguments.images.read()?;
    let device = device::by_name(&arguments.device)?;
    let spinner = spinner("clustering");
    let (codebook, inertia) = match &arguments.encoder {
        Some(path) => feature_codebook(&config.codebook, path, &*images, &device)?,
        None => pixel_codebook(&config.codebook, &config.model, &*images)?,
    };
    spinner.finish_and_clear();
    codebook.write(&arguments.out)?;
    let report = Report {
        tokens: codebook.tokens(),
        dim: codebook.dim,
        inertia,
        unigram_entropy: codebook.unigram_entropy(),
    };
    print(&report, arguments.json, || {
        format!(
            "{} centroids of width {}, mean squared distance {:.4}, token entropy {:.4} nats",
            report.tokens, report.dim, report.inertia, report.unigram_entropy
        )
    })
}
