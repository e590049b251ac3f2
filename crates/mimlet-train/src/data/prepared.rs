//! Images at the model's size, as a device would see them: resized and centre-cropped.

use mimlet_format::{Preprocess, Resample};
use mimlet_image::Preprocessor;
use rayon::prelude::*;

use super::Source;
use crate::config::ModelConfig;
use crate::error::TrainError;

/// Some images at the model's size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Which images of the source.
    pub indices: Vec<usize>,
    /// Their classes.
    pub labels: Vec<u32>,
    /// u8 `[images, image_size, image_size, 3]`.
    pub pixels: Vec<u8>,
}

impl Block {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Each image's pixels, u8 `[image_size, image_size, 3]`.
    pub fn images(&self) -> impl Iterator<Item = &[u8]> {
        let bytes = self.pixels.len() / self.len().max(1);
        self.pixels.chunks_exact(bytes.max(1))
    }
}

/// Gives the images of `indices`, resized and cropped as `model` says by the code that prepares
/// images on a device, to `visit` in order, `block` at a time.
///
/// # Errors
/// What reading an image or `visit` reports.
pub fn for_each_block(
    source: &dyn Source,
    model: &ModelConfig,
    indices: &[usize],
    block: usize,
    mut visit: impl FnMut(Block) -> Result<(), TrainError>,
) -> Result<(), TrainError> {
    let preprocess = Preprocess {
        resize_short_side: model.resize as u32,
        resample: Resample::Bicubic,
        mean: model.mean,
        std: model.std,
    };
    let preprocessor = Preprocessor::new(&preprocess, [model.image_size as u32; 2])?;
    for indices in indices.chunks(block.max(1)) {
        let pixels: Vec<Vec<u8>> = indices
            .par_iter()
            .map(|&index| {
                let image = source.read(index)?;
                Ok(preprocessor.resize_and_crop(&image)?.into_pixels())
            })
            .collect::<Result<_, TrainError>>()?;
        visit(Block {
            indices: indices.to_vec(),
            labels: indices.iter().map(|&index| source.label(index)).collect(),
            pixels: pixels.concat(),
        })?;
    }
    Ok(())
}
