//! Encoders from `.mim` files, which run on the CPU as on a device.

use mimlet_format::{EncoderConfig, MAGIC, Manifest, ModelFile};
use mimlet_runtime::Encoder;
use rayon::prelude::*;

use crate::config::ModelConfig;

/// Whether the file's bytes are those of a `.mim` file.
pub(super) fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// The checked file and its model.
pub(super) fn open(bytes: Vec<u8>) -> Result<(ModelFile, ModelConfig), String> {
    let file = ModelFile::from_bytes(bytes).map_err(|error| error.to_string())?;
    let model = model_of(file.model().manifest())?;
    Encoder::on_cpu(&file.model(), 1).map_err(|error| error.to_string())?;
    Ok((file, model))
}

fn model_of(manifest: &Manifest) -> Result<ModelConfig, String> {
    let (encoder, preprocess) = (&manifest.encoder, &manifest.preprocess);
    let [height, width] = encoder.image_size;
    if height != width {
        return Err(format!(
            "takes images of {height} x {width}; training needs square ones"
        ));
    }
    Ok(ModelConfig {
        image_size: height as usize,
        resize: preprocess.resize_short_side as usize,
        patch_size: encoder.patch_size as usize,
        dim: encoder.embed_dim as usize,
        depth: encoder.depth as usize,
        heads: encoder.num_heads as usize,
        mlp: encoder.mlp_dim as usize,
        mean: preprocess.mean,
        std: preprocess.std,
        licence: manifest.provenance.licence.clone().unwrap_or_default(),
    })
}

/// Class features `[images, dim]` and patch features `[images, patches, dim]` of whole images given
/// as normalised patches. Threads take images; one image's arithmetic is the same on all.
///
/// # Panics
/// When a value is not finite.
pub(super) fn encode(
    file: &ModelFile,
    model: &ModelConfig,
    patches: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let values = model.patches() * model.patch_dim();
    let images: Vec<&[f32]> = patches.chunks_exact(values).collect();
    let share = images.len().div_ceil(rayon::current_num_threads()).max(1);
    let parts: Vec<(Vec<f32>, Vec<f32>)> = images
        .par_chunks(share)
        .map(|images| {
            let parsed = file.model();
            let mut encoder = Encoder::on_cpu(&parsed, 1).expect("planned when it was opened");
            let mut image = vec![0.0; values];
            let (mut class, mut rest) = (Vec::new(), Vec::new());
            for patches in images {
                planes(model, patches, &mut image);
                let encoding = encoder
                    .encode(&image)
                    .expect("finite values of the right size");
                class.extend_from_slice(&encoding.class);
                rest.extend_from_slice(&encoding.patches);
            }
            (class, rest)
        })
        .collect();
    let (class, rest): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    (class.concat(), rest.concat())
}

/// Patches `[patches, 3, p, p]` back to the image they were cut from, `[3, size, size]`.
fn planes(model: &ModelConfig, patches: &[f32], image: &mut [f32]) {
    let (size, side) = (model.image_size, model.patch_size);
    let grid = size / side;
    let channels = EncoderConfig::CHANNELS as usize;
    for (index, patch) in patches.chunks_exact(channels * side * side).enumerate() {
        let (top, left) = (index / grid * side, index % grid * side);
        for (line, values) in patch.chunks_exact(side).enumerate() {
            let (channel, row) = (line / side, line % side);
            let start = (channel * size + top + row) * size + left;
            image[start..start + side].copy_from_slice(values);
        }
    }
}
