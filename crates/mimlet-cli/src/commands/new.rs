//! `mimlet new`: a file of random weights.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mimlet_export::{Arch, ExportOptions, random, random_codebook, synthetic_golden};
use mimlet_format::{Scheme, Thresholds};

use crate::error::Error;
use crate::exported::{self, Place};
use crate::output::{Outcome, Output};
use crate::quantisation::QuantisationArgs;

/// Golden images in the file: enough to tell a backend that computes from one that does not.
const GOLDEN_IMAGES: usize = 4;

/// Arguments of `mimlet new`.
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// Shape of the encoder
    #[arg(long, value_enum)]
    arch: ArchName,
    /// Height and width of the input, a multiple of 16
    #[arg(long, value_name = "PIXELS", default_value_t = 224)]
    image_size: u32,
    /// Centroids of the codebook; 0 for none
    #[arg(long, value_name = "K", default_value_t = 100)]
    codebook: u32,
    #[command(flatten)]
    quantisation: QuantisationArgs,
    /// The same seed gives the same file
    #[arg(long, value_name = "N")]
    seed: u64,
    /// The .mim file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// A published shape of encoder with 16-pixel patches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ArchName {
    /// Width 192, 12 blocks, 3 heads.
    #[value(name = "vit-tiny-16")]
    VitTiny16,
    /// Width 384, 12 blocks, 6 heads.
    #[value(name = "vit-small-16")]
    VitSmall16,
    /// Width 768, 12 blocks, 12 heads.
    #[value(name = "vit-base-16")]
    VitBase16,
}

impl From<ArchName> for Arch {
    fn from(name: ArchName) -> Self {
        match name {
            ArchName::VitTiny16 => Self::VitTiny16,
            ArchName::VitSmall16 => Self::VitSmall16,
            ArchName::VitBase16 => Self::VitBase16,
        }
    }
}

impl NewArgs {
    /// Makes the model, tests it like any other, and writes it.
    pub(crate) fn run(self, output: Output) -> Result<Outcome, Error> {
        let place = Place::new(&self.output, &[])?;
        let model = random(self.arch.into(), self.image_size, self.seed);
        model.check()?;
        let codebook = match self.codebook {
            0 => None,
            size => Some(random_codebook(&model, size, self.seed)?),
        };
        let size = model.encoder.image_size;
        let preprocess = model.preprocess.resolve(size);
        let scheme = self.quantisation.scheme.map_or(Scheme::Int8, Into::into);
        let mut options = ExportOptions::new(scheme, preprocess);
        self.quantisation.apply(&mut options);
        let mut thresholds = thresholds(model.encoder.embed_dim);
        if let Some(agreement) = self.quantisation.min_agreement() {
            thresholds.min_token_agreement = agreement;
        }
        options.thresholds = Some(thresholds);
        options.golden = synthetic_golden(size, GOLDEN_IMAGES, self.seed);
        exported::write(model, codebook.as_ref(), options, &place, output)
    }
}

/// Bounds that every seed meets. Random weights tell patches apart badly, so many lie between two
/// centroids and near-ties are common; a flip at a wide margin is a fault here as anywhere. The
/// final norm makes features about `sqrt(dim)` long: quantisation moves them by a thirtieth of that,
/// a backend that computes something else by far more.
fn thresholds(dim: u32) -> Thresholds {
    Thresholds {
        min_cosine: 0.99,
        min_token_agreement: 0.9,
        wide_margin: 0.15 * (dim as f32).sqrt(),
        max_wide_margin_flips: 0,
        max_tcas: None,
    }
}
