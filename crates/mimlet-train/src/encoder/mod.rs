//! The encoder's file, and features of whole images.

mod packed;
mod shape;

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use mimlet_format::ModelFile;

use crate::config::ModelConfig;
use crate::data::{Source, prepared};
use crate::error::TrainError;
use crate::nn::init::Init;
use crate::nn::state::{State, host_values, with_state};
use crate::nn::vit::Vit;
use crate::patches::write_patches;
use crate::tensors::{self, Precision};

pub(crate) use shape::metadata;

/// Images encoded together.
const BATCH: usize = 64;

/// An encoder read from its file: a safetensors checkpoint with timm's names, or a `.mim` file.
#[derive(Debug)]
pub struct EncoderFile {
    /// Shape, input and normalisation.
    pub model: ModelConfig,
    /// Hexadecimal BLAKE3 of the file.
    pub hash: String,
    path: PathBuf,
    network: Network,
    /// Features after this many blocks; after the final norm when `None`.
    layer: Option<usize>,
}

/// What computes features.
#[derive(Debug)]
enum Network {
    /// A checkpoint, on a burn device.
    Vit { vit: Box<Vit>, device: Device },
    /// A `.mim` file, on the CPU.
    Packed(Box<ModelFile>),
}

/// Features of some images, after the final norm or the layer asked for.
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
    /// Reads a `.mim` file, or a checkpoint that says itself what it is, as [`write_encoder`] or a
    /// pre-training run writes it.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::Content`] or [`TrainError::Config`].
    pub fn read(path: &Path, device: &Device) -> Result<Self, TrainError> {
        Self::load(path, None, device)
    }

    /// As [`EncoderFile::read`], with heads, image size, resize, mean, std and licence of a
    /// checkpoint that lacks our metadata taken from `fallback`: timm's own files do.
    ///
    /// # Errors
    /// As [`EncoderFile::read`].
    pub fn open(path: &Path, fallback: &ModelConfig, device: &Device) -> Result<Self, TrainError> {
        Self::load(path, Some(fallback), device)
    }

    fn load(
        path: &Path,
        fallback: Option<&ModelConfig>,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let bytes = std::fs::read(path).map_err(TrainError::io(path, "read"))?;
        let hash = blake3::hash(&bytes).to_hex().to_string();
        let wrong = |reason| TrainError::Content {
            path: path.to_owned(),
            reason,
        };
        let (network, model) = if packed::is_packed(&bytes) {
            let (file, model) = packed::open(bytes).map_err(wrong)?;
            (Network::Packed(Box::new(file)), model)
        } else {
            drop(bytes);
            let (state, metadata) = tensors::read(path)?;
            let model = shape::model_of(&state, &metadata, fallback).map_err(wrong)?;
            model.check()?;
            let vit = with_state(Vit::new(&model, &mut Init::new(0, device)), &state)?;
            let (vit, device) = (Box::new(vit), device.clone());
            (Network::Vit { vit, device }, model)
        };
        Ok(Self {
            model,
            hash,
            path: path.to_owned(),
            network,
            layer: None,
        })
    }

    /// The same with features after `layer` of its blocks, without the final norm; after the final
    /// norm when `None`.
    ///
    /// # Errors
    /// [`TrainError::Config`] when there is no such block, or it is a `.mim` file, which gives its
    /// last features only.
    pub fn at_layer(self, layer: Option<usize>) -> Result<Self, TrainError> {
        let (path, depth) = (self.path.display(), self.model.depth);
        match (layer, &self.network) {
            (Some(_), Network::Packed(_)) => Err(TrainError::Config(format!(
                "{path} gives features after its final norm only; leave codebook.layer out, or \
                 give the checkpoint it was made of"
            ))),
            (Some(layer), _) if layer == 0 || layer > depth => Err(TrainError::Config(format!(
                "codebook.layer is {layer}; {path} has blocks 1 to {depth}"
            ))),
            _ => Ok(Self { layer, ..self }),
        }
    }

    /// The same, once it is sure that it takes images as `model` cuts and normalises them.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming what differs.
    pub fn for_input(self, model: &ModelConfig) -> Result<Self, TrainError> {
        let own = &self.model;
        let (field, found, expected) = if own.image_size != model.image_size {
            (
                "image_size",
                own.image_size.to_string(),
                model.image_size.to_string(),
            )
        } else if own.patch_size != model.patch_size {
            (
                "patch_size",
                own.patch_size.to_string(),
                model.patch_size.to_string(),
            )
        } else if own.mean != model.mean {
            (
                "mean",
                format!("{:?}", own.mean),
                format!("{:?}", model.mean),
            )
        } else if own.std != model.std {
            ("std", format!("{:?}", own.std), format!("{:?}", model.std))
        } else {
            return Ok(self);
        };
        Err(TrainError::Config(format!(
            "{}: its {field} is {found}, the run's model.{field} is {expected}; make them equal",
            self.path.display()
        )))
    }

    /// The network, to train on.
    ///
    /// # Errors
    /// [`TrainError::Config`] for a `.mim` file.
    pub(crate) fn into_vit(self) -> Result<Vit, TrainError> {
        match self.network {
            Network::Vit { vit, .. } => Ok(*vit),
            Network::Packed(_) => Err(TrainError::Config(format!(
                "{} cannot be trained on; give the checkpoint it was made of",
                self.path.display()
            ))),
        }
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
    ///
    /// # Panics
    /// When a value is not finite and the encoder is a `.mim` file.
    pub fn encode(&self, patches: Vec<f32>, labels: Vec<u32>) -> ImageFeatures {
        let (vit, device) = match &self.network {
            Network::Vit { vit, device } => (vit, device),
            Network::Packed(file) => {
                let (class, patches) = packed::encode(file, &self.model, &patches);
                return ImageFeatures {
                    labels,
                    class,
                    patches,
                };
            }
        };
        let (count, dim) = (self.model.patches(), self.model.dim);
        let all = host_values(match self.layer {
            Some(blocks) => vit.encode_until(&self.model, patches, device, blocks),
            None => vit.encode(&self.model, patches, device),
        });
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
    let encoder: State = state
        .iter()
        .filter(|(name, _)| shape::is_encoders(name))
        .map(|(name, array)| (name.clone(), array.clone()))
        .collect();
    tensors::write(path, &encoder, &metadata(model), precision)
}

#[cfg(test)]
mod tests;
