//! Counting a model's tokens over a labelled data set.

use std::path::Path;

use mimlet_format::ModelFile;
use mimlet_image::{Folder, Preprocessor};
use mimlet_tcas::{CountsShard, ImageTokens, TokenClassCounts, shuffled_tcas};

use crate::backend::{BackendArgs, Choice};
use crate::error::Error;
use crate::output::Output;
use crate::progress::Progress;

/// Permutations of the labels that the shuffled value is the mean of.
const PERMUTATIONS: u32 = 20;

/// Seed of the permutations.
const SEED: u64 = 0;

/// The counts over a data set, and what goes with them.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) shard: CountsShard,
    /// TCAS with the labels permuted between the images.
    pub(super) shuffled_tcas: Option<f64>,
    pub(super) images: u64,
    pub(super) backend: Choice,
}

/// Tokenizes every image and counts its tokens under its class.
pub(super) fn count(
    path: &Path,
    file: &ModelFile,
    data: &Path,
    backend: &BackendArgs,
    output: Output,
) -> Result<Counted, Error> {
    let model = file.model();
    let manifest = model.manifest();
    let Some(codebook) = &manifest.codebook else {
        let problem = "has no codebook, so no tokens to count; export it with --codebook";
        return Err(Error::file(path, problem));
    };
    let folder = Folder::open(data)?;
    let preprocessor = Preprocessor::new(&manifest.preprocess, manifest.encoder.image_size)?;
    let (tokens, classes) = (codebook.size as usize, folder.classes.len());
    let mut counts = TokenClassCounts::new(tokens, classes)?;
    let mut session = backend.open(&model)?;
    let mut images = Vec::with_capacity(folder.images.len());
    let progress = Progress::new(folder.images.len(), "counting tokens");
    let paths: Vec<&Path> = folder
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
            let class = folder.images[index].1;
            counts.add_tokens(&encoding.tokens, class)?;
            images.push(ImageTokens {
                tokens: encoding.tokens,
                class,
            });
            Ok(())
        },
    )?;
    Ok(Counted {
        shuffled_tcas: shuffled_tcas(&images, tokens, classes, PERMUTATIONS, SEED)?,
        images: images.len() as u64,
        shard: CountsShard::new(model.hash(), folder.classes, counts)?,
        backend: session.choice,
    })
}
