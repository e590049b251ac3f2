//! What turns an image's patches into discrete tokens: a codebook and the space it lives in.

mod features;
mod labels;
mod pixels;
mod projection;

use std::fmt::Debug;
use std::path::Path;

use burn::tensor::Device;

use crate::codebook::{Codebook, Space};
use crate::config::ModelConfig;
use crate::error::TrainError;

pub use features::FeatureTokenizer;
pub use labels::LabelTokenizer;
pub use pixels::PixelTokenizer;
pub use projection::ProjectionTokenizer;

/// Gives each patch of an image a token below [`Tokenizer::tokens`].
pub trait Tokenizer: Debug {
    /// K, the number of tokens.
    fn tokens(&self) -> usize;

    /// The tokens, `[images * patches]`, of whole images given as normalised patches
    /// `[images * patches, 3 p p]` as [`crate::patches::write_patches`] lays them, with the
    /// images' classes, `[images]`, which the class-label oracle alone reads.
    ///
    /// # Errors
    /// What the device reports; [`TrainError::Config`] for a class that the codebook does not know.
    fn tokenize(&self, patches: &[f32], labels: &[u32]) -> Result<Vec<u32>, TrainError>;

    /// The normalised patch, `[3 p p]`, that a token stands for, when its space is pixels.
    fn look(&self, _token: u32) -> Option<&[f32]> {
        None
    }
}

/// The tokenizer of `codebook` for images as `model` cuts and normalises them; `encoder` is the
/// teacher of a feature codebook.
///
/// # Errors
/// [`TrainError::Config`] when codebook, model and encoder do not belong together; as
/// [`crate::encoder::EncoderFile::open`].
pub fn open(
    codebook: &Codebook,
    encoder: Option<&Path>,
    model: &ModelConfig,
    device: &Device,
) -> Result<Box<dyn Tokenizer>, TrainError> {
    Ok(match &codebook.space {
        Space::Pixels => Box::new(PixelTokenizer::new(codebook, model, device)?),
        Space::Features { teacher_hash } => {
            let path = encoder.ok_or_else(|| {
                TrainError::Config("a feature codebook needs --encoder, its teacher".into())
            })?;
            Box::new(FeatureTokenizer::new(
                codebook,
                teacher_hash,
                path,
                model,
                device,
            )?)
        }
        Space::RandomProjection { projection } => Box::new(ProjectionTokenizer::new(
            codebook, projection, model, device,
        )?),
        Space::Labels => Box::new(LabelTokenizer::new(codebook.tokens(), model)),
    })
}

#[cfg(test)]
mod tests;
