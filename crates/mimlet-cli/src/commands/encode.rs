//! `mimlet encode`: images to features or tokens.

mod array;
mod report;
#[cfg(feature = "parquet")]
mod table;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use mimlet_format::{EncoderConfig, Model};
use mimlet_image::Preprocessor;
use mimlet_runtime::Encoding;
use serde::Serialize;

use crate::backend::{BackendArgs, Choice};
use crate::destination::Destination;
use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::progress::Progress;
use crate::signature::SignatureArgs;
use crate::units::hex;

use array::{Array, FileKind, Values};
use report::Report;

/// Arguments of `mimlet encode`.
#[derive(Debug, Args)]
pub(crate) struct EncodeArgs {
    /// The .mim file
    file: PathBuf,
    /// PNG, JPEG or WebP images; or .npy arrays, u8 [H, W, 3] at model size or f32 [3, H, W]
    /// already normalised
    #[arg(required_unless_present = "data", value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Labelled images, one folder for each class: their labels go into a .parquet file
    #[arg(long, value_name = "DIR", requires = "output")]
    data: Option<PathBuf>,
    /// What to give back [default: tokens when the file has a codebook, else cls]
    #[arg(long, value_enum)]
    what: Option<What>,
    /// Write an array to this .npy, .safetensors or .json file, or a table with a row for each
    /// patch (image, patch, token, label) to this .parquet file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    signature: SignatureArgs,
    #[command(flatten)]
    backend: BackendArgs,
}

/// What an image is turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum What {
    /// The class feature, f32 [images, dim].
    Cls,
    /// The patch features, f32 [images, patches, dim].
    Patches,
    /// The tokens, u32 [images, patches].
    Tokens,
}

impl What {
    /// Its name in files and JSON.
    fn name(self) -> &'static str {
        match self {
            Self::Cls => "cls",
            Self::Patches => "patches",
            Self::Tokens => "tokens",
        }
    }

    /// Shape of one image's values.
    fn shape(self, config: &EncoderConfig) -> Vec<usize> {
        let (patches, dim) = (config.patches() as usize, config.embed_dim as usize);
        match self {
            Self::Cls => vec![dim],
            Self::Patches => vec![patches, dim],
            Self::Tokens => vec![patches],
        }
    }

    /// Takes its values out of an encoding.
    fn of(self, encoding: Encoding) -> Values {
        match self {
            Self::Cls => Values::F32(encoding.class),
            Self::Patches => Values::F32(encoding.patches),
            Self::Tokens => Values::U32(encoding.tokens),
        }
    }
}

impl EncodeArgs {
    /// Encodes every image, or none: the first that cannot be read ends it, and no file is written.
    pub(crate) fn run(self, output: Output) -> Result<Outcome, Error> {
        if let Some(path) = self.output.as_deref().filter(|path| is_table(path)) {
            return self.write_table(&Destination::new(path)?, output);
        }
        let target = match &self.output {
            Some(path) => Some((FileKind::of(path)?, Destination::new(path)?)),
            None => None,
        };
        if self.data.is_some() {
            return Err(Error::new(
                "--data gives labels, which only a .parquet file holds; name the images instead",
            ));
        }
        let file = self.signature.open(&self.file)?;
        let model = file.model();
        let (array, backend) = self.encode(&model, self.what(&model)?, output)?;
        if let Some((kind, destination)) = &target {
            array.write(*kind, destination)?;
        }
        let written = target.as_ref().map(|(_, destination)| destination.path());
        output.print(&self.report(&model, &array, written, backend))?;
        Ok(Outcome::Good)
    }

    /// The values of every image, and the backend that gave them.
    fn encode(
        &self,
        model: &Model<'_>,
        what: What,
        output: Output,
    ) -> Result<(Array, Choice), Error> {
        let preprocessor = preprocessor(model)?;
        let mut session = self.backend.open(model)?;
        let progress = Progress::new(self.images.len(), "encoding");
        let mut images = Vec::with_capacity(self.images.len());
        let paths: Vec<&Path> = self.images.iter().map(PathBuf::as_path).collect();
        let shown = (output, &progress);
        session.encode_images(model, &preprocessor, &paths, shown, &mut |_, encoding| {
            images.push(what.of(encoding));
            Ok(())
        })?;
        let name = |image: &PathBuf| image.display().to_string();
        let array = Array {
            model: hex(&model.hash()),
            what,
            shape: what.shape(&model.manifest().encoder),
            files: self.images.iter().map(name).collect(),
            images,
        };
        Ok((array, session.choice))
    }

    #[cfg(feature = "parquet")]
    fn write_table(&self, destination: &Destination, output: Output) -> Result<Outcome, Error> {
        let report = table::write(self, destination, output)?;
        output.print(&report)?;
        Ok(Outcome::Good)
    }

    #[cfg(not(feature = "parquet"))]
    fn write_table(&self, _: &Destination, _: Output) -> Result<Outcome, Error> {
        Err(Error::no_tables())
    }

    fn what(&self, model: &Model<'_>) -> Result<What, Error> {
        let has_codebook = model.manifest().codebook.is_some();
        match self.what {
            Some(What::Tokens) if !has_codebook => Err(Error::file(
                &self.file,
                "has no codebook, so no tokens; export it with --codebook, or use --what cls",
            )),
            Some(what) => Ok(what),
            None if has_codebook => Ok(What::Tokens),
            None => Ok(What::Cls),
        }
    }

    fn report<'a>(
        &self,
        model: &Model<'_>,
        array: &'a Array,
        written: Option<&Path>,
        backend: Choice,
    ) -> Report<'a> {
        Report {
            file: self.file.display().to_string(),
            backend,
            grid: model.manifest().encoder.grid(),
            written: written.map(|path| path.display().to_string()),
            array,
        }
    }
}

/// What turns files into the model's input.
fn preprocessor(model: &Model<'_>) -> Result<Preprocessor, Error> {
    let manifest = model.manifest();
    Ok(Preprocessor::new(
        &manifest.preprocess,
        manifest.encoder.image_size,
    )?)
}

/// Whether a table is written there, rather than an array.
fn is_table(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}
