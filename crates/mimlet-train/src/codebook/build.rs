//! Codebooks over a set of images.

use std::path::Path;

use burn::tensor::Device;

use super::file::{Codebook, Space};
use super::kmeans;
use crate::config::{CodebookConfig, ModelConfig};
use crate::dataset::ImageSet;
use crate::encoder::EncoderFile;
use crate::error::TrainError;
use crate::patches::write_patches;

/// K-means over the normalised pixel patches of the first `config.images` images.
///
/// # Errors
/// [`TrainError::Config`] when there are too few patches, or images of another size.
pub fn pixel_codebook(
    config: &CodebookConfig,
    model: &ModelConfig,
    images: &ImageSet,
) -> Result<(Codebook, f64), TrainError> {
    images.check_size(model)?;
    let count = config.images.min(images.len());
    let mut vectors = vec![0.0; count * model.patches() * model.patch_dim()];
    for (index, out) in vectors
        .chunks_exact_mut(model.patches() * model.patch_dim())
        .enumerate()
    {
        write_patches(model, images.image(index), out);
    }
    finish(config, model, &vectors, model.patch_dim(), Space::Pixels)
}

/// K-means over the patch features (after the final norm) that the encoder at `path` gives for
/// the first `config.images` images.
///
/// # Errors
/// As [`EncoderFile::read`], and [`TrainError::Config`] when there are too few patches.
pub fn feature_codebook(
    config: &CodebookConfig,
    path: &Path,
    images: &ImageSet,
    device: &Device,
) -> Result<(Codebook, f64), TrainError> {
    let file = EncoderFile::read(path, device)?;
    let count = config.images.min(images.len());
    let mut vectors = Vec::with_capacity(count * file.model.patches() * file.model.dim);
    file.features(images, 0..count, |features| {
        vectors.extend_from_slice(&features.patches);
    })?;
    let space = Space::Features {
        teacher_hash: file.hash.clone(),
    };
    finish(config, &file.model, &vectors, file.model.dim, space)
}

/// The codebook and its inertia.
fn finish(
    config: &CodebookConfig,
    model: &ModelConfig,
    vectors: &[f32],
    dim: usize,
    space: Space,
) -> Result<(Codebook, f64), TrainError> {
    let clusters = kmeans::cluster(config, vectors, dim)?;
    let codebook = Codebook {
        centers: clusters.centers,
        counts: clusters.counts,
        dim,
        space,
        patch_size: model.patch_size,
        mean: model.mean,
        std: model.std,
    };
    Ok((codebook, clusters.inertia))
}
