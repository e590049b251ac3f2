//! Tokens as a table, written while images are encoded: no image and no token waits in memory for
//! the last.

use std::fmt;
use std::path::{Path, PathBuf};

use mimlet_format::Model;
use mimlet_image::Folder;
use mimlet_parquet::{TableInfo, TokenTableWriter, Written, image_name};
use serde::Serialize;

use super::{EncodeArgs, What, preprocessor};
use crate::backend::Choice;
use crate::destination::Destination;
use crate::error::Error;
use crate::output::Output;
use crate::progress::Progress;
use crate::table::Facts;
use crate::units::{bytes, count, hex};

/// What was written, and where.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    file: String,
    hash: String,
    backend: Choice,
    what: What,
    /// Images and patches of each.
    shape: [u64; 2],
    rows: u64,
    /// Images with a label.
    labelled: usize,
    classes: usize,
    output: String,
    bytes: u64,
}

/// The images to encode.
struct Inputs {
    images: Vec<(PathBuf, Option<u32>)>,
    /// Empty without labels.
    class_names: Vec<String>,
}

/// Encodes every image into a table; none is written when one cannot be read.
///
/// # Errors
/// What is wrong with the model, the folder or an image.
pub(super) fn write(
    args: &EncodeArgs,
    destination: &Destination,
    output: Output,
) -> Result<Report, Error> {
    let file = args.signature.open(&args.file)?;
    let model = file.model();
    if args.what(&model)? != What::Tokens {
        let problem = "holds tokens only; give it --what tokens of a model with a codebook, or \
                       write features to .npy or .safetensors";
        return Err(Error::file(destination.path(), problem));
    }
    let inputs = Inputs::list(args)?;
    let preprocessor = preprocessor(&model)?;
    let mut session = args.backend.open(&model)?;
    let mut table = TokenTableWriter::create(destination.path(), &inputs.info(&model))?;
    let progress = Progress::new(inputs.images.len(), "encoding");
    let paths: Vec<&Path> = inputs
        .images
        .iter()
        .map(|(path, _)| path.as_path())
        .collect();
    let shown = (output, &progress);
    session.encode_images(
        &model,
        &preprocessor,
        &paths,
        shown,
        &mut |index, encoding| {
            let (path, label) = &inputs.images[index];
            let name = image_name(path, label.and(args.data.as_deref()));
            Ok(table.write_image(&name, &encoding.tokens, *label)?)
        },
    )?;
    let written = table.finish()?;
    drop(progress);
    Ok(report(args, &model, &inputs, written, session.choice))
}

fn report(
    args: &EncodeArgs,
    model: &Model<'_>,
    inputs: &Inputs,
    written: Written,
    backend: Choice,
) -> Report {
    let output = args.output.as_deref().unwrap_or(Path::new(""));
    let labelled = |image: &&(PathBuf, Option<u32>)| image.1.is_some();
    Report {
        file: args.file.display().to_string(),
        hash: hex(&model.hash()),
        backend,
        what: What::Tokens,
        shape: [written.images, model.manifest().encoder.patches().into()],
        rows: written.rows,
        labelled: inputs.images.iter().filter(labelled).count(),
        classes: inputs.class_names.len(),
        output: output.display().to_string(),
        bytes: written.bytes,
    }
}

impl Inputs {
    /// The images named, then those of the folder.
    fn list(args: &EncodeArgs) -> Result<Self, Error> {
        let named = args.images.iter().cloned();
        let mut inputs = Self {
            images: named.map(|path| (path, None)).collect(),
            class_names: Vec::new(),
        };
        if let Some(data) = &args.data {
            let folder = Folder::open(data)?;
            let labelled = folder.images.into_iter();
            inputs
                .images
                .extend(labelled.map(|(path, label)| (path, Some(label))));
            inputs.class_names = folder.classes;
        }
        Ok(inputs)
    }

    fn info(&self, model: &Model<'_>) -> TableInfo {
        TableInfo {
            model: model.hash(),
            // There is one, or there would be no tokens to ask for.
            codebook_size: model
                .manifest()
                .codebook
                .as_ref()
                .map_or(0, |codebook| codebook.size),
            class_names: self.class_names.clone(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = format!("tokens {:?}, {}", self.shape, count(self.rows, "row"));
        let labels = match self.classes {
            0 => "none".to_string(),
            classes => format!("{} of {}, {classes} classes", self.labelled, self.shape[0]),
        };
        let mut facts = Facts::new();
        facts
            .fact("backend", self.backend.to_string())
            .fact(
                "wrote",
                format!("{}: {rows}, {}", self.output, bytes(self.bytes)),
            )
            .fact("labelled", labels);
        facts.fmt(f)
    }
}
