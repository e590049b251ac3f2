//! `mimlet-train synth`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use image::RgbImage;
use indicatif::ProgressBar;
use rayon::prelude::*;

use super::inputs::bar;
use crate::config::Config;
use crate::data::prefetch::{Ahead, ordered};
use crate::data::shards::ShardWriter;
use crate::error::TrainError;
use crate::picture::{png, write_png};
use crate::synth::{self, SIDE, SynthConfig};

/// Images in a shard.
const PER_SHARD: usize = 1000;

/// How the images lie on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// <class>/<index>.png.
    Folder,
    /// WebDataset: shard-<number>.tar of a thousand images each, and classes.txt.
    Webdataset,
}

/// Flags of `synth`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folder to write into; must be new or empty.
    #[arg(long)]
    out: PathBuf,
    /// As class folders of PNGs, or as tar shards.
    #[arg(long, value_enum, default_value = "folder")]
    format: Format,
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
    let progress = bar(images);
    let config = SynthConfig { images, seed };
    match arguments.format {
        Format::Folder => write_folder(out, config, &progress)?,
        Format::Webdataset => write_shards(out, config, &progress)?,
    }
    progress.finish_and_clear();
    Ok(())
}

/// Image `at` of the set.
fn picture(config: SynthConfig, at: usize, classes: usize) -> Result<RgbImage, TrainError> {
    let side = SIDE as u32;
    RgbImage::from_raw(
        side,
        side,
        synth::image(config.seed, at / classes, at % classes)?,
    )
    .ok_or_else(|| TrainError::Config("a synthetic image has the wrong size".into()))
}

fn write_folder(out: &Path, config: SynthConfig, progress: &ProgressBar) -> Result<(), TrainError> {
    let names = synth::class_names();
    (0..config.images).into_par_iter().try_for_each(|at| {
        let (index, class) = (at / names.len(), at % names.len());
        let picture = picture(config, at, names.len())?;
        progress.inc(1);
        write_png(
            &out.join(&names[class]).join(format!("{index:05}.png")),
            &picture,
        )
    })
}

fn write_shards(out: &Path, config: SynthConfig, progress: &ProgressBar) -> Result<(), TrainError> {
    let names = synth::class_names();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let ahead = Ahead {
        workers,
        tasks: 8 * workers,
    };
    let make = |at| png(out, &picture(config, at, names.len())?);
    let mut writer = ShardWriter::create(out, &names, PER_SHARD)?;
    ordered(0..config.images, ahead, make, |pictures| {
        for (at, picture) in pictures.enumerate() {
            writer.add(&picture?, (at % names.len()) as u32)?;
            progress.inc(1);
        }
        writer.finish()
    })
}
