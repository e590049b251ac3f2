//! The vectors that a codebook clusters, made of images when they are asked for.

use crate::codebook::Normalise;
use crate::config::ModelConfig;
use crate::data::{Source, prepared};
use crate::encoder::EncoderFile;
use crate::error::TrainError;
use crate::kmeans::Rows;
use crate::patches::write_patches;

/// Images read together.
const BLOCK: usize = 64;

/// The patches of some images, an image being an item: their normalised pixels, or an encoder's
/// features.
#[derive(Debug)]
pub(super) struct PatchVectors<'a> {
    pub(super) source: &'a dyn Source,
    /// Which images.
    pub(super) images: Vec<usize>,
    /// How they are prepared and cut.
    pub(super) model: &'a ModelConfig,
    /// Whose features; without it pixels.
    pub(super) encoder: Option<&'a EncoderFile>,
    pub(super) normalise: Normalise,
}

impl Rows for PatchVectors<'_> {
    fn items(&self) -> usize {
        self.images.len()
    }

    fn per_item(&self) -> usize {
        self.model.patches()
    }

    fn dim(&self) -> usize {
        match self.encoder {
            Some(_) => self.model.dim,
            None => self.model.patch_dim(),
        }
    }

    fn read(&self, items: &[usize]) -> Result<Vec<f32>, TrainError> {
        let indices: Vec<usize> = items.iter().map(|&item| self.images[item]).collect();
        let mut vectors = Vec::with_capacity(items.len() * self.per_item() * self.dim());
        match self.encoder {
            Some(encoder) => encoder.features(self.source, &indices, |features| {
                vectors.extend_from_slice(&features.patches);
                Ok(())
            })?,
            None => for_each_patches(self.source, self.model, &indices, |patches, _| {
                vectors.extend_from_slice(&patches);
                Ok(())
            })?,
        }
        self.normalise.apply(&mut vectors, self.dim());
        Ok(vectors)
    }

    fn describe(&self, item: usize) -> String {
        self.source.describe(self.images[item])
    }
}

/// Gives the normalised patches `[images * patches, 3 p p]` and the classes of the images of
/// `indices` to `visit`, some images at a time.
pub(super) fn for_each_patches(
    source: &dyn Source,
    model: &ModelConfig,
    indices: &[usize],
    mut visit: impl FnMut(Vec<f32>, &[u32]) -> Result<(), TrainError>,
) -> Result<(), TrainError> {
    prepared::for_each_block(source, model, indices, BLOCK, |block| {
        let mut patches = vec![0.0; block.pixels.len()];
        let values = patches.len() / block.len();
        for (image, out) in block.images().zip(patches.chunks_exact_mut(values)) {
            write_patches(model, image, out);
        }
        visit(patches, &block.labels)
    })
}
