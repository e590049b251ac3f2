//! Codebooks over a set of images.

use std::path::Path;

use burn::tensor::Device;

use super::file::{Codebook, Space};
use super::kmeans;
use crate::config::{CodebookConfig, ModelConfig};
use crate::data::{Source, prepared};
use crate::encoder::EncoderFile;
use crate::error::TrainError;
use crate::patches::write_patches;

/// K-means over the normalised pixel patches of the first `config.images` images.
///
/// # Errors
/// [`TrainError::Config`] when there are too few patches; as [`prepared::for_each_block`].
pub fn pixel_codebook(
    config: &CodebookConfig,
    model: &ModelConfig,
    source: &dyn Source,
) -> Result<(Codebook, f64), TrainError> {
    let indices: Vec<usize> = (0..config.images.min(source.len())).collect();
    let values = model.patches() * model.patch_dim();
    let mut vectors = vec![0.0; indices.len() * values];
    let mut rest = vectors.chunks_exact_mut(values);
    prepared::for_each_block(source, model, &indices, 256, |block| {
        for (image, out) in block.images().zip(&mut rest) {
            write_patches(model, image, out);
        }
        Ok(())
    })?;
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
    source: &dyn Source,
    device: &Device,
) -> Result<(Codebook, f64), TrainError> {
    let file = EncoderFile::read(path, device)?;
    let indices: Vec<usize> = (0..config.images.min(source.len())).collect();
    let mut vectors = Vec::with_capacity(indices.len() * file.model.patches() * file.model.dim);
    file.features(source, &indices, |features| {
        vectors.extend_from_slice(&features.patches);
        Ok(())
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
