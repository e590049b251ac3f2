//! `mimlet-train synth`.

use std::path::PathBuf;

use clap::Args;
use mimlet_image::RgbImage;

use super::image_files::{self, Format};
use crate::config::Config;
use crate::data::Source;
use crate::error::TrainError;
use crate::synth::{self, SIDE, SynthConfig};

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
        Some(path) => Config::read(path, &[])?.data.synth,
        None => None,
    };
    let missing = |flag: &str| TrainError::Config(format!("give --{flag}, or --config"));
    let images = arguments.images.or(configured.map(|synth| synth.images));
    let images = images.ok_or_else(|| missing("images"))?;
    let seed = arguments.seed.or(configured.map(|synth| synth.seed));
    let seed = seed.ok_or_else(|| missing("seed"))?;
    let drawn = Drawn {
        config: SynthConfig { images, seed },
        class_names: synth::class_names(),
    };
    let indices: Vec<usize> = (0..images).collect();
    image_files::write(&arguments.out, arguments.format, &drawn, &indices)
}

/// Synthetic images, drawn when they are read: a set of millions takes no memory.
#[derive(Debug)]
struct Drawn {
    config: SynthConfig,
    class_names: Vec<String>,
}

impl Source for Drawn {
    fn len(&self) -> usize {
        self.config.images
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    fn label(&self, index: usize) -> u32 {
        (index % self.class_names.len()) as u32
    }

    fn describe(&self, index: usize) -> String {
        format!("synthetic image {index}")
    }

    fn read(&self, index: usize) -> Result<RgbImage, TrainError> {
        let classes = self.class_names.len();
        let (number, class) = (index / classes, index % classes);
        let pixels = synth::image(self.config.seed, number, class)?;
        let side = SIDE as u32;
        RgbImage::new(side, side, pixels)
            .ok_or_else(|| TrainError::Config("a synthetic image has the wrong size".into()))
    }
}
