//! Labelled images written to disk, as class folders or as tar shards.

use std::path::Path;

use clap::ValueEnum;
use image::RgbImage;
use indicatif::ProgressBar;
use rayon::prelude::*;

use super::inputs::bar;
use crate::data::Source;
use crate::data::prefetch::{Ahead, ordered};
use crate::data::shards::ShardWriter;
use crate::error::TrainError;
use crate::picture::{png, write_png};

/// Images in a shard.
const PER_SHARD: usize = 1000;

/// How the images lie on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// <class>/<index>.png.
    Folder,
    /// WebDataset: shard-<number>.tar of a thousand images each, and classes.txt.
    Webdataset,
}

/// Writes images `indices` of `source` into a folder that must be new or empty, each at its own size
/// without loss.
pub(crate) fn write(
    out: &Path,
    format: Format,
    source: &dyn Source,
    indices: &[usize],
) -> Result<(), TrainError> {
    if out.exists() {
        let mut entries = std::fs::read_dir(out).map_err(TrainError::io(out, "read"))?;
        if entries.next().is_some() {
            return Err(TrainError::Content {
                path: out.to_owned(),
                reason: "is not empty; images of two runs would mix".into(),
            });
        }
    }
    let progress = bar(indices.len());
    match format {
        Format::Folder => write_folder(out, source, indices, &progress)?,
        Format::Webdataset => write_shards(out, source, indices, &progress)?,
    }
    progress.finish_and_clear();
    Ok(())
}

fn picture(source: &dyn Source, index: usize) -> Result<RgbImage, TrainError> {
    let image = source.read(index)?;
    let (width, height) = (image.width(), image.height());
    RgbImage::from_raw(width, height, image.into_pixels())
        .ok_or_else(|| TrainError::Config(format!("{} has no pixels", source.describe(index))))
}

fn write_folder(
    out: &Path,
    source: &dyn Source,
    indices: &[usize],
    progress: &ProgressBar,
) -> Result<(), TrainError> {
    let names = source.class_names();
    let mut written = vec![0_usize; names.len()];
    let numbered: Vec<(usize, usize, usize)> = indices
        .iter()
        .map(|&index| {
            let class = source.label(index) as usize;
            written[class] += 1;
            (index, class, written[class] - 1)
        })
        .collect();
    numbered
        .into_par_iter()
        .try_for_each(|(index, class, number)| {
            let picture = picture(source, index)?;
            progress.inc(1);
            let name = format!("{number:05}.png");
            write_png(&out.join(&names[class]).join(name), &picture)
        })
}

fn write_shards(
    out: &Path,
    source: &dyn Source,
    indices: &[usize],
    progress: &ProgressBar,
) -> Result<(), TrainError> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let ahead = Ahead {
        workers,
        tasks: 8 * workers,
    };
    let make = |at: usize| png(out, &picture(source, indices[at])?);
    let mut writer = ShardWriter::create(out, source.class_names(), PER_SHARD)?;
    ordered(0..indices.len(), ahead, make, |pictures| {
        for (picture, &index) in pictures.zip(indices) {
            writer.add(&picture?, source.label(index))?;
            progress.inc(1);
        }
        writer.finish()
    })
}
