//! TCAS and its companions for a codebook on labelled images.

use mimlet_tcas::{ImageTokens, TokenClassCounts, shuffled_tcas};
use serde::{Deserialize, Serialize};

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
    /// Mean TCAS with the images' labels permuted.
    pub shuffled_tcas: Option<f64>,
    /// Images counted.
    pub images: usize,
}

/// The alignment of a tokenizer's tokens with the images' classes, over the images at `model`'s
/// size. `seen` is told each image's tokens, in the order of the images.
///
/// # Errors
/// As [`prepared::for_each_block`], [`Tokenizer::tokenize`] and `seen`.
pub fn align(
    tokenizer: &dyn Tokenizer,
    model: &ModelConfig,
    source: &dyn Source,
    mut seen: impl FnMut(&ImageTokens) -> Result<(), TrainError>,
) -> Result<Alignment, TrainError> {
    let indices: Vec<usize> = (0..source.len()).collect();
    let mut labelled = Vec::with_capacity(indices.len());
    prepared::for_each_block(source, model, &indices, BLOCK, |block| {
        let mut patches = vec![0.0; block.pixels.len()];
        let values = patches.len() / block.len();
        for (image, out) in block.images().zip(patches.chunks_exact_mut(values)) {
            write_patches(model, image, out);
        }
        let tokens = tokenizer.tokenize(&patches, &block.labels)?;
        let of_images = tokens.chunks_exact(model.patches());
        for (tokens, &class) in of_images.zip(&block.labels) {
            let image = ImageTokens {
                tokens: tokens.to_vec(),
                class,
            };
            seen(&image)?;
            labelled.push(image);
        }
        Ok(())
    })?;
    measure(&labelled, tokenizer.tokens(), source.class_names().len())
}

fn measure(images: &[ImageTokens], tokens: usize, classes: usize) -> Result<Alignment, TrainError> {
    let mut counts = TokenClassCounts::new(tokens, classes)?;
    for image in images {
        counts.add_tokens(&image.tokens, image.class)?;
    }
    Ok(Alignment {
        tcas: counts.tcas(),
        nmi: counts.nmi(),
        used_tokens: counts.used_tokens(),
        tokens,
        shuffled_tcas: shuffled_tcas(images, tokens, classes, PERMUTATIONS, 0)?,
        images: images.len(),
    })
}
