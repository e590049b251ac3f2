//! TCAS and its companions for a codebook on labelled images.

use mimlet_tcas::{ImageTokens, TokenClassCounts, shuffled_tcas};
use serde::{Deserialize, Serialize};

use crate::collective::Collective;
use crate::config::ModelConfig;
use crate::data::{Source, prepared};
use crate::error::TrainError;
use crate::patches::write_patches;
use crate::tokenizer::Tokenizer;

/// Images tokenised together.
const BLOCK: usize = 64;

/// Permutations behind the shuffled-label value.
const PERMUTATIONS: u32 = 20;

/// How well tokens follow classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alignment {
    /// Token-Class Alignment Similarity; lower is better.
    pub tcas: Option<f64>,
    /// Normalised mutual information; higher is better.
    pub nmi: Option<f64>,
    /// Tokens that occur.
    pub used_tokens: usize,
    /// Tokens in the codebook.
    pub tokens: usize,
    /// Mean TCAS with the images' labels permuted; not over several processes.
    pub shuffled_tcas: Option<f64>,
    /// Images counted.
    pub images: usize,
}

/// The alignment of a tokenizer's tokens with the images' classes, over the images at `model`'s
/// size. The processes of `collective` share the images out and add up what they count. `seen` is
/// told which image each is, and its tokens, in the order of the images.
///
/// # Errors
/// As [`prepared::for_each_block`], [`Tokenizer::tokenize`], `seen` and the collective's sums.
pub fn align(
    tokenizer: &dyn Tokenizer,
    model: &ModelConfig,
    source: &dyn Source,
    collective: &dyn Collective,
    mut seen: impl FnMut(usize, &ImageTokens) -> Result<(), TrainError>,
) -> Result<Alignment, TrainError> {
    let own = (collective.rank()..source.len()).step_by(collective.world());
    let indices: Vec<usize> = own.collect();
    let mut labelled = Vec::with_capacity(indices.len());
    prepared::for_each_block(source, model, &indices, BLOCK, |block| {
        let mut patches = vec![0.0; block.pixels.len()];
        let values = patches.len() / block.len();
        for (image, out) in block.images().zip(patches.chunks_exact_mut(values)) {
            write_patches(model, image, out);
        }
        let tokens = tokenizer.tokenize(&patches, &block.labels)?;
        let of_images = tokens.chunks_exact(model.patches());
        for ((tokens, &class), &index) in of_images.zip(&block.labels).zip(&block.indices) {
            let image = ImageTokens {
                tokens: tokens.to_vec(),
                class,
            };
            seen(index, &image)?;
            labelled.push(image);
        }
        Ok(())
    })?;
    let classes = source.class_names().len();
    measure(&labelled, tokenizer.tokens(), classes, collective)
}

fn measure(
    images: &[ImageTokens],
    tokens: usize,
    classes: usize,
    collective: &dyn Collective,
) -> Result<Alignment, TrainError> {
    let mut counts = TokenClassCounts::new(tokens, classes)?;
    for image in images {
        counts.add_tokens(&image.tokens, image.class)?;
    }
    let mut cells = [counts.counts(), &[images.len() as u64]].concat();
    collective.sum_u64(&mut cells)?;
    let total = cells.pop().unwrap_or_default();
    let rows: Vec<&[u64]> = cells.chunks_exact(classes).collect();
    let counts = TokenClassCounts::from_rows(&rows)?;
    // Permuting labels takes every image's tokens in one place.
    let shuffled = match collective.world() {
        1 => shuffled_tcas(images, tokens, classes, PERMUTATIONS, 0)?,
        _ => None,
    };
    Ok(Alignment {
        tcas: counts.tcas(),
        nmi: counts.nmi(),
        used_tokens: counts.used_tokens(),
        tokens,
        shuffled_tcas: shuffled,
        images: total as usize,
    })
}
