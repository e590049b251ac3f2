//! `mimlet-train synth`.

use std::path::PathBuf;

use clap::Args;
use image::RgbImage;
use rayon::prelude::*;

use super::inputs::bar;
use crate::config::Config;
use crate::error::TrainError;
use crate::picture::write_png;
use crate::synth::{self, SIDE};

/// Flags of `synth`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folder to write <class>/<index>.png into; must be new or empty.
    #[arg(long)]
    out: PathBuf,
    /// Number of images over all ten classes; overrides the configuration's.
    #[arg(long)]
    images: Option<usize>,
    /// Seed; overrides the configuration's.
    #[arg(long)]
    seed: Option<u64>,
    /// Take images and seed from this run's `[data] synth`.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Writes the images.
pub(crate) fn run(arguments: &Arguments) -> Result<(), TrainError> {
    let configured = match &arguments.config {
        Some(path) => Config::read(path)?.data.synth,
        None => None,
    };
    let missing = |flag: &str| TrainError::Config(format!("give --{flag}, or --config"));
    let images = arguments.images.or(configured.map(|synth| synth.images));
    let images = images.ok_or_else(|| missing("images"))?;
    let seed = arguments.seed.or(configured.map(|synth| synth.seed));
    let seed = seed.ok_or_else(|| missing("seed"))?;
    let out = &arguments.out;
    if out.exists() {
        let mut entries = std::fs::read_dir(out).map_err(TrainError::io(out, "read"))?;
        if entries.next().is_some() {
            return Err(TrainError::Content {
                path: out.clone(),
                reason: "is not empty; images of two runs would mix".into(),
            });
        }
    }
    let names = synth::class_names();
    let progress = bar(images);
    (0..images).into_par_iter().try_for_each(|i| {
        let (index, class) = (i / names.len(), i % names.len());
        let side = SIDE as u32;
        let picture = RgbImage::from_raw(side, side, synth::image(seed, index, class)?)
            .ok_or_else(|| TrainError::Config("a synthetic image has the wrong size".into()))?;
        progress.inc(1);
        write_png(
            &out.join(&names[class]).join(format!("{index:05}.png")),
            &picture,
        )
    })?;
    progress.finish_and_clear();
    Ok(())
}
