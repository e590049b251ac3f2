//! TCAS and its companions for a codebook on labelled images.

use burn::tensor::Device;
use mimlet_tcas::{ImageTokens, TokenClassCounts, shuffled_tcas};
use serde::Serialize;
use std::path::Path;

use crate::codebook::{Assigner, Codebook, Space};
use crate::config::ModelConfig;
use crate::dataset::ImageSet;
use crate::encoder::EncoderFile;
use crate::error::TrainError;
use crate::patches::write_patches;

/// Permutations behind the shuffled-label value.
const PERMUTATIONS: u32 = 20;

/// How well tokens follow classes.
#[derive(Debug, Clone, PartialEq, Serialize)]
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

/// The alignment of a codebook's tokens with the images' classes.
///
/// # Errors
/// [`TrainError::Config`] when codebook and encoder do not belong together; as
/// [`EncoderFile::read`].
pub fn align(
    codebook: &Codebook,
    encoder: Option<&Path>,
    model: &ModelConfig,
    images: &ImageSet,
    device: &Device,
) -> Result<Alignment, TrainError> {
    let tokens = match (&codebook.space, encoder) {
        (Space::Pixels, _) => pixel_tokens(codebook, model, images)?,
        (Space::Features { teacher_hash }, Some(path)) => {
            let file = EncoderFile::read(path, device)?;
            if &file.hash != teacher_hash {
                return Err(TrainError::Config(format!(
                    "the codebook was made from another encoder than {}",
                    path.display()
                )));
            }
            feature_tokens(codebook, &file, images)?
        }
        (Space::Features { .. }, None) => {
            return Err(TrainError::Config(
                "a feature codebook needs --encoder".into(),
            ));
        }
    };
    let per_image = tokens.len() / images.len();
    let labelled: Vec<ImageTokens> = tokens
        .chunks_exact(per_image)
        .zip(&images.labels)
        .map(|(tokens, &class)| ImageTokens {
            tokens: tokens.to_vec(),
            class,
        })
        .collect();
    measure(&labelled, codebook.tokens(), images.class_names.len())
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

fn pixel_tokens(
    codebook: &Codebook,
    model: &ModelConfig,
    images: &ImageSet,
) -> Result<Vec<u32>, TrainError> {
    codebook.check_pixels(model)?;
    images.check_size(model)?;
    let assigner = Assigner::new(&codebook.centers, codebook.dim);
    let mut patches = vec![0.0; model.patches() * model.patch_dim()];
    let of_image = |index| {
        write_patches(model, images.image(index), &mut patches);
        assigner.assign(&patches)
    };
    Ok((0..images.len()).flat_map(of_image).collect())
}

fn feature_tokens(
    codebook: &Codebook,
    file: &EncoderFile,
    images: &ImageSet,
) -> Result<Vec<u32>, TrainError> {
    if codebook.dim != file.model.dim {
        return Err(TrainError::Config(format!(
            "the codebook's centroids have width {}, the encoder's features {}",
            codebook.dim, file.model.dim
        )));
    }
    let assigner = Assigner::new(&codebook.centers, codebook.dim);
    let mut tokens = Vec::new();
    file.features(images, 0..images.len(), |features| {
        tokens.extend(assigner.assign(&features.patches));
    })?;
    Ok(tokens)
}
