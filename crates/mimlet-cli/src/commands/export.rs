//! `mimlet export`: a checkpoint to a verified file.

mod checkpoint;
mod images;
mod sweep;

use std::path::PathBuf;

use clap::Args;
use mimlet_export::{ExportOptions, FloatCodebook, FloatModel, Target, synthetic_golden};
use mimlet_format::Scheme;
use mimlet_image::Preprocessor;

use checkpoint::CheckpointArgs;

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
    #[command(flatten)]
    checkpoint: CheckpointArgs,
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
    /// Try every way to store the weights, or those named, time those that pass, and leave files,
    /// pages and a comparison in the folder OUTPUT; `mimlet pick` takes one
    #[arg(
        long,
        value_name = "SCHEMES",
        num_args = 0..,
        require_equals = true,
        value_delimiter = ',',
        conflicts_with_all = ["scheme", "group", "codebook_type", "report"]
    )]
    sweep: Option<Vec<String>>,
    /// Also write what the export found out: a page (.html) or data (.json); may be given twice
    #[arg(long, value_name = "FILE")]
    report: Vec<PathBuf>,
    /// The .mim file to write; with --sweep the folder
    #[arg(short, long, value_name = "OUTPUT")]
    output: PathBuf,
}

impl ExportArgs {
    /// Imports, quantises, packs and verifies; writes nothing that fails its own test.
    pub(crate) fn run(self, output: Output) -> Result<Outcome, Error> {
        if let Some(names) = &self.sweep {
            let candidates = sweep::candidates(names)?;
            let model = self.checkpoint.import()?;
            let (codebook, options) = self.rest(&model)?;
            let made = (&model, codebook.as_ref(), options);
            return sweep::run(made, &candidates, &self.output, output);
        }
        let place = Place::new(&self.output, &self.report)?;
        let model = self.checkpoint.import()?;
        let (codebook, options) = self.rest(&model)?;
        exported::write(model, codebook.as_ref(), options, &place, output)
    }

    /// The codebook, and how to export.
    fn rest(
        &self,
        model: &FloatModel,
    ) -> Result<(Option<FloatCodebook>, ExportOptions<'static>), Error> {
        let codebook = self.checkpoint.codebook(model)?;
        let size = model.encoder.image_size;
        let preprocess = model.preprocess.resolve(size);
        let preprocessor = Preprocessor::new(&preprocess, size)?;
        let target = self.target.as_deref().map(Target::find).transpose()?;
        let scheme = match (self.quantisation.scheme, &target) {
            (Some(scheme), _) => scheme.into(),
            (None, Some(target)) => target.preferred_scheme(),
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
}
