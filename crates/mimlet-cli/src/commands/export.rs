//! `mimlet export`: a checkpoint to a verified file.

mod images;
mod sweep;

use std::path::PathBuf;

use clap::Args;
use mimlet_export::{
    ExportOptions, FloatCodebook, FloatModel, ImportOptions, Target, import, read_codebook,
    synthetic_golden,
};
use mimlet_format::Scheme;
use mimlet_image::Preprocessor;

use crate::error::Error;
use crate::exported::{self, Place};
use crate::output::{Outcome, Output};
use crate::quantisation::QuantisationArgs;

/// Images drawn when none are given.
const SYNTHETIC_IMAGES: usize = 16;

/// Their seed.
const SYNTHETIC_SEED: u64 = 0;

/// Arguments of `mimlet export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The checkpoint: a file, or a Hugging Face folder
    checkpoint: PathBuf,
    /// TOML file that says of the encoder what the checkpoint does not
    #[arg(long, value_name = "FILE")]
    arch_config: Option<PathBuf>,
    /// Attention heads of each block, where the checkpoint does not say
    #[arg(long, value_name = "N")]
    heads: Option<u32>,
    /// Height and width of the input [default: what the positions in the checkpoint imply]
    #[arg(long, value_name = "PIXELS")]
    image_size: Option<u32>,
    /// Codebook to make tokens with
    #[arg(long, value_name = "FILE")]
    codebook: Option<PathBuf>,
    /// Photos to calibrate and test with: one folder for each class, or images without labels
    /// [default: synthetic images]
    #[arg(long, value_name = "DIR")]
    calibrate: Option<PathBuf>,
    #[command(flatten)]
    quantisation: QuantisationArgs,
    /// Refuse a file that this device cannot run: a name that `mimlet devices` knows, or a .toml
    /// file
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// Short side of a photo before the centre crop [default: the checkpoint's, else 8/7 of the
    /// input]
    #[arg(long, value_name = "PIXELS")]
    resize: Option<u32>,
    /// Mean of red, green and blue in 0..1 [default: the checkpoint's, else ImageNet's]
    #[arg(long, value_name = "R,G,B", value_parser = colours)]
    mean: Option<[f32; 3]>,
    /// Standard deviation of red, green and blue in 0..1 [default: the checkpoint's, else
    /// ImageNet's]
    #[arg(long, value_name = "R,G,B", value_parser = colours)]
    std: Option<[f32; 3]>,
    /// The model's name [default: the checkpoint's file name]
    #[arg(long)]
    name: Option<String>,
    /// Try every way to store the weights, or those named, time those that pass, and leave files,
    /// pages and a comparison in the folder OUTPUT; `mimlet pick` takes one
    #[arg(
        long,
        value_name = "SCHEMES",
        num_args = 0..,
        require_equals = true,
        value_delimiter = ',',
        conflicts_with_all = ["scheme", "report"]
    )]
    sweep: Option<Vec<String>>,
    /// Also write what the export found out: a page (.html) or data (.json); may be given twice
    #[arg(long, value_name = "FILE")]
    report: Vec<PathBuf>,
    /// The .mim file to write; with --sweep the folder
    #[arg(short, long, value_name = "OUTPUT")]
    output: PathBuf,
}

/// Three finite numbers, separated by commas.
fn colours(text: &str) -> Result<[f32; 3], String> {
    let numbers: Vec<f32> = text
        .split(',')
        .filter_map(|number| number.trim().parse().ok())
        .filter(|number: &f32| number.is_finite())
        .collect();
    match <[f32; 3]>::try_from(numbers) {
        Ok(numbers) if text.split(',').count() == 3 => Ok(numbers),
        _ => Err("give three numbers, such as 0.485,0.456,0.406".to_string()),
    }
}

impl ExportArgs {
    /// Imports, quantises, packs and verifies; writes nothing that fails its own test.
    pub(crate) fn run(self, output: Output) -> Result<Outcome, Error> {
        if let Some(names) = &self.sweep {
            let candidates = sweep::candidates(names)?;
            let model = self.import()?;
            let (codebook, options) = self.rest(&model)?;
            let made = (&model, codebook.as_ref(), options);
            return sweep::run(made, &candidates, &self.output, output);
        }
        let place = Place::new(&self.output, &self.report)?;
        let model = self.import()?;
        let (codebook, options) = self.rest(&model)?;
        exported::write(model, codebook.as_ref(), options, &place, output)
    }

    /// The codebook, and how to export.
    fn rest(
        &self,
        model: &FloatModel,
    ) -> Result<(Option<FloatCodebook>, ExportOptions<'static>), Error> {
        let codebook = self.codebook.as_deref().map(read_codebook).transpose()?;
        let size = model.encoder.image_size;
        let preprocess = model.preprocess.resolve(size);
        let preprocessor = Preprocessor::new(&preprocess, size)?;
        let target = self.target.as_deref().map(Target::find).transpose()?;
        let scheme = match (self.quantisation.scheme, &target) {
            (Some(scheme), _) => scheme.into(),
            (None, Some(target)) => target.scheme,
            (None, None) => Scheme::Int8,
        };
        let mut options = ExportOptions::new(scheme, preprocess);
        self.quantisation.apply(&mut options);
        options.target = target;
        match &self.calibrate {
            Some(folder) => {
                let images = images::read(folder, &preprocessor)?;
                options.golden = images.images;
                options.class_names = images.class_names;
            }
            None => options.golden = synthetic_golden(size, SYNTHETIC_IMAGES, SYNTHETIC_SEED),
        }
        Ok((codebook, options))
    }

    fn import(&self) -> Result<FloatModel, Error> {
        let options = ImportOptions {
            arch_config: self.arch_config.clone(),
            heads: self.heads,
            image_size: self.image_size,
            ..ImportOptions::default()
        };
        let mut model = import(&self.checkpoint, &options)?;
        if let Some(name) = &self.name {
            model.name.clone_from(name);
        }
        let hints = &mut model.preprocess;
        hints.resize_short_side = self.resize.or(hints.resize_short_side);
        hints.mean = self.mean.or(hints.mean);
        hints.std = self.std.or(hints.std);
        Ok(model)
    }
}
