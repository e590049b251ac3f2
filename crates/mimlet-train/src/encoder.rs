//! The encoder's file, and features of whole images.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use burn::tensor::Device;

use crate::config::ModelConfig;
use crate::data::{Source, prepared};
use crate::error::TrainError;
use crate::nn::init::Init;
use crate::nn::norm::EPSILON;
use crate::nn::state::{State, host_values, with_state};
use crate::nn::vit::Vit;
use crate::patches::write_patches;
use crate::tensors::{self, Precision};

/// Images encoded together.
const BATCH: usize = 64;

/// An encoder read from its checkpoint.
#[derive(Debug)]
pub struct EncoderFile {
    /// Shape, input and normalisation.
    pub model: ModelConfig,
    /// Hexadecimal BLAKE3 of the file.
    pub hash: String,
    vit: Vit,
    device: Device,
}

/// Features of some images, after the final norm.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageFeatures {
    /// Their classes, `[images]`.
    pub labels: Vec<u32>,
    /// `[images, dim]`.
    pub class: Vec<f32>,
    /// `[images, patches, dim]`.
    pub patches: Vec<f32>,
}

impl EncoderFile {
    /// Reads a checkpoint that [`write_encoder`] or a pre-training run wrote.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::Content`] or [`TrainError::Config`].
    pub fn read(path: &Path, device: &Device) -> Result<Self, TrainError> {
        let bytes = std::fs::read(path).map_err(TrainError::io(path, "read"))?;
        let (state, metadata) = tensors::read(path)?;
        let model = model_of(&state, &metadata).map_err(|reason| TrainError::Content {
            path: path.to_owned(),
            reason,
        })?;
        model.check()?;
        let vit = with_state(Vit::new(&model, &mut Init::new(0, device)), &state)?;
        Ok(Self {
            model,
            hash: blake3::hash(&bytes).to_hex().to_string(),
            vit,
            device: device.clone(),
        })
    }

    /// Encodes the images of `indices`, resized and cropped as on a device, in batches, and gives
    /// each batch's features to `visit` in order.
    ///
    /// # Errors
    /// As [`prepared::for_each_block`].
    pub fn features(
        &self,
        source: &dyn Source,
        indices: &[usize],
        mut visit: impl FnMut(ImageFeatures) -> Result<(), TrainError>,
    ) -> Result<(), TrainError> {
        prepared::for_each_block(source, &self.model, indices, BATCH, |block| {
            let mut patches = vec![0.0; block.pixels.len()];
            let values = patches.len() / block.len();
            for (pixels, out) in block.images().zip(patches.chunks_exact_mut(values)) {
                write_patches(&self.model, pixels, out);
            }
            visit(self.encode(patches, block.labels))
        })
    }

    /// Features of whole images given as their normalised patches, `[images * patches, 3 p p]`.
    pub fn encode(&self, patches: Vec<f32>, labels: Vec<u32>) -> ImageFeatures {
        let (count, dim) = (self.model.patches(), self.model.dim);
        let all = host_values(self.vit.encode(&self.model, patches, &self.device));
        let mut batch = ImageFeatures {
            labels,
            class: Vec::with_capacity(all.len() / (1 + count)),
            patches: Vec::with_capacity(all.len()),
        };
        for image in all.chunks_exact((1 + count) * dim) {
            let (class, rest) = image.split_at(dim);
            batch.class.extend_from_slice(class);
            batch.patches.extend_from_slice(rest);
        }
        batch
    }
}

/// What the checkpoint's metadata says of its model.
pub(crate) fn metadata(model: &ModelConfig) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("num_heads", model.heads.to_string()),
        ("patch_size", model.patch_size.to_string()),
        ("image_size", model.image_size.to_string()),
        ("resize", model.resize.to_string()),
        ("mean", tensors::join(&model.mean)),
        ("std", tensors::join(&model.std)),
        ("layer_norm_eps", EPSILON.to_string()),
        ("licence", model.licence.clone()),
    ])
}

/// Writes the encoder's part of `state`, with timm's names.
///
/// # Errors
/// [`TrainError::Io`].
pub fn write_encoder(
    path: &Path,
    model: &ModelConfig,
    state: &State,
    precision: Precision,
) -> Result<(), TrainError> {
    let is_encoder = |name: &str| {
        !["decoder_", "mask_token", "optim."]
            .iter()
            .any(|other| name.starts_with(other))
    };
    let encoder: State = state
        .iter()
        .filter(|(name, _)| is_encoder(name))
        .map(|(name, array)| (name.clone(), array.clone()))
        .collect();
    tensors::write(path, &encoder, &metadata(model), precision)
}

/// The model's shape, from tensor shapes where they say it and from metadata where not.
fn model_of(state: &State, metadata: &HashMap<String, String>) -> Result<ModelConfig, String> {
    let shape = |name: &str, rank: usize| {
        let array = state.get(name).filter(|array| array.shape.len() == rank);
        array
            .map(|array| array.shape.clone())
            .ok_or_else(|| format!("no {name} of {rank} dimensions; is it a timm or MAE ViT?"))
    };
    let text = |key: &str| {
        let value = metadata.get(key);
        value.ok_or_else(|| format!("metadata lacks {key}"))
    };
    let number = |key: &str| {
        let parsed = text(key)?.parse::<usize>();
        parsed.map_err(|_| format!("metadata {key} is not a number"))
    };
    let triple = |key: &str| {
        tensors::split(text(key)?).ok_or_else(|| format!("metadata {key} is not three numbers"))
    };
    let projection = shape("patch_embed.proj.weight", 4)?;
    let depth = (0..)
        .take_while(|block| state.contains_key(&format!("blocks.{block}.norm1.weight")))
        .count();
    Ok(ModelConfig {
        image_size: number("image_size")?,
        resize: number("resize")?,
        patch_size: projection[2],
        dim: projection[0],
        depth,
        heads: number("num_heads")?,
        mlp: shape("blocks.0.mlp.fc1.weight", 2)?[0],
        mean: triple("mean")?,
        std: triple("std")?,
        licence: text("licence")?.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    use safetensors::SafeTensors;

    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/");

    /// timm's `vit_tiny`-like model of the fixtures, with timm's own features to compare with.
    #[test]
    fn features_equal_those_of_timm() {
        let device = Device::flex();
        let model = ModelConfig {
            image_size: 64,
            resize: 72,
            patch_size: 8,
            dim: 64,
            depth: 3,
            heads: 4,
            mlp: 256,
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
            licence: "none".into(),
        };
        let name = format!("{FIXTURES}timm_vit_64_p8_d64_l3_h4");
        let weights = format!("{name}.safetensors");
        let (state, _) = tensors::read(Path::new(&weights)).unwrap();
        let vit = with_state(Vit::new(&model, &mut Init::new(0, &device)), &state).unwrap();
        let bytes = std::fs::read(format!("{name}.expected.safetensors")).unwrap();
        let expected = SafeTensors::deserialize(&bytes).unwrap();
        let floats = |name: String| -> Vec<f32> {
            let data = expected.tensor(&name).unwrap().data();
            let words = data.chunks_exact(4);
            words
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect()
        };
        for photo in ["chelsea", "coffee"] {
            let pixels = expected.tensor(&format!("{photo}.pixels_u8")).unwrap();
            let mut patches = vec![0.0; 64 * 64 * 3];
            write_patches(&model, pixels.data(), &mut patches);
            let features = host_values(vit.encode(&model, patches, &device));
            let class = floats(format!("{photo}.cls"));
            let rest = floats(format!("{photo}.patch_tokens"));
            assert_eq!(features.len(), class.len() + rest.len());
            let expected = class.iter().chain(&rest);
            let near = |(a, b): (&f32, &f32)| (a - b).abs() < 2e-4;
            assert!(features.iter().zip(expected).all(near), "{photo}");
        }
    }
}
