//! The codebook file: safetensors with `centers` f32 `[K, D]`, `counts` f32 `[K]` and metadata.
//!
//! | `space` | what lives in it | `centers` |
//! |---|---|---|
//! | `pixels` | a patch's normalised pixels, D = 3 p p | centroids |
//! | `features` | patch features of the encoder `teacher_hash`, after its final norm or after block `layer` | centroids |
//! | `random-projection` | pixels times the tensor `projection` `[D, 3 p p]`, made of length 1 | unit codewords |
//! | `labels` | nothing: a patch's token is its image's class | `[K, 1]`, the classes' numbers, not used |
//!
//! `normalise` (`none`, `l2` or `per-patch`; `none` when absent) is what is done to a patch's pixels
//! or features first; with `l2` the centroids of k-means have length 1. `patch_size`,
//! `patch_order`, `mean` and `std` say how patches are cut and normalised.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::normalise::Normalise;
use crate::config::ModelConfig;
use crate::error::TrainError;
use crate::nn::state::{Array, State};
use crate::tensors::{self, Precision};

/// What a codebook's centroids live in.
#[derive(Debug, Clone, PartialEq)]
pub enum Space {
    /// Normalised pixels of a patch, flattened (channel, row, column).
    Pixels,
    /// Patch features of the encoder whose file has this BLAKE3 hash.
    Features {
        /// Hexadecimal BLAKE3 of the encoder's file.
        teacher_hash: String,
    },
    /// Normalised pixels of a patch, projected at random and made of length 1.
    RandomProjection {
        /// `[dim, 3 p p]`.
        projection: Vec<f32>,
    },
    /// A patch's token is its image's class.
    Labels,
}

impl Space {
    /// Its name in files and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pixels => "pixels",
            Self::Features { .. } => "features",
            Self::RandomProjection { .. } => "random-projection",
            Self::Labels => "labels",
        }
    }
}

/// A codebook and what is needed to use it.
#[derive(Debug, Clone, PartialEq)]
pub struct Codebook {
    /// `[tokens, dim]`, row-major.
    pub centers: Vec<f32>,
    /// Training vectors nearest to each centroid.
    pub counts: Vec<f32>,
    /// Width of a centroid.
    pub dim: usize,
    /// What the centroids live in.
    pub space: Space,
    /// What is done to a patch's pixels or features first.
    pub normalise: Normalise,
    /// Features after this many of the encoder's blocks; after its final norm when `None`.
    pub layer: Option<usize>,
    /// Side of a patch, pixels.
    pub patch_size: usize,
    /// Per-channel mean of the normalisation, 0..1 units.
    pub mean: [f32; 3],
    /// Per-channel standard deviation of the normalisation, 0..1 units.
    pub std: [f32; 3],
}

impl Codebook {
    /// K, the number of tokens.
    pub fn tokens(&self) -> usize {
        self.counts.len()
    }

    /// Entropy of the tokens' own distribution, nats: the loss of a network that has learnt the
    /// tokens' frequencies and nothing else.
    pub fn unigram_entropy(&self) -> f64 {
        let total: f64 = self.counts.iter().map(|&c| f64::from(c)).sum();
        let shares = self.counts.iter().map(|&c| f64::from(c) / total);
        -shares.filter(|&p| p > 0.0).map(|p| p * p.ln()).sum::<f64>()
    }

    /// That the codebook is over patches as `model` cuts and normalises them.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming what differs.
    pub fn check_pixels(&self, model: &ModelConfig) -> Result<(), TrainError> {
        let wrong = |reason: &str| Err(TrainError::Config(reason.into()));
        let dim = match &self.space {
            Space::Pixels => self.dim,
            Space::RandomProjection { projection } => projection.len() / self.dim,
            Space::Features { .. } | Space::Labels => {
                return wrong("the codebook is not over pixels");
            }
        };
        if self.patch_size != model.patch_size || dim != model.patch_dim() {
            return wrong("the codebook's patch size is not model.patch_size");
        }
        if (self.mean, self.std) != (model.mean, model.std) {
            return wrong("the codebook's mean and std are not model.mean and model.std");
        }
        Ok(())
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), TrainError> {
        let array = |shape: Vec<usize>, values: &[f32]| Array {
            shape,
            values: values.to_vec(),
        };
        let (tokens, dim) = (self.tokens(), self.dim);
        let mut state: State = [
            ("centers", array(vec![tokens, dim], &self.centers)),
            ("counts", array(vec![tokens], &self.counts)),
        ]
        .map(|(name, array)| (name.to_owned(), array))
        .into();
        let mut metadata = BTreeMap::from([
            ("space", self.space.name().to_owned()),
            ("normalise", self.normalise.name().to_owned()),
            ("patch_size", self.patch_size.to_string()),
            ("patch_order", "channel,row,column".to_owned()),
            ("mean", tensors::join(&self.mean)),
            ("std", tensors::join(&self.std)),
        ]);
        if let Some(layer) = self.layer {
            metadata.insert("layer", layer.to_string());
        }
        match &self.space {
            Space::Features { teacher_hash } => {
                metadata.insert("teacher_hash", teacher_hash.clone());
            }
            Space::RandomProjection { projection } => {
                let shape = vec![dim, projection.len() / dim];
                state.insert("projection".into(), array(shape, projection));
            }
            Space::Pixels | Space::Labels => {}
        }
        tensors::write(path, &state, &metadata, Precision::F32)
    }

    /// Reads a file of [`Codebook::write`].
    ///
    /// # Errors
    /// [`TrainError::Io`], or [`TrainError::Content`] naming what is missing or odd.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let (mut state, metadata) = tensors::read(path)?;
        let wrong = |reason: String| TrainError::Content {
            path: path.to_owned(),
            reason,
        };
        let centers = state
            .remove("centers")
            .filter(|array| array.shape.len() == 2 && array.shape.iter().all(|&n| n > 0))
            .ok_or_else(|| wrong("needs a tensor centers of shape [K, D]".into()))?;
        let [tokens, dim] = [centers.shape[0], centers.shape[1]];
        if !centers.values.iter().all(|value| value.is_finite()) {
            return Err(wrong("centers has a number that is not finite".into()));
        }
        let counts = state
            .remove("counts")
            .filter(|array| array.shape == [tokens])
            .ok_or_else(|| wrong(format!("needs a tensor counts of shape [{tokens}]")))?;
        let text = |key: &str| {
            let value = metadata.get(key);
            value.ok_or_else(|| wrong(format!("metadata lacks {key}")))
        };
        let space = space_of(text("space")?, &metadata, state.remove("projection"), dim);
        let space = space.map_err(wrong)?;
        if text("patch_order")? != "channel,row,column" {
            return Err(wrong("patch_order is not channel,row,column".into()));
        }
        let triple = |key| {
            tensors::split(text(key)?).ok_or_else(|| wrong(format!("{key} is not three numbers")))
        };
        let patch_size = text("patch_size")?
            .parse()
            .map_err(|_| wrong("patch_size is not a number".into()))?;
        let layer = metadata.get("layer").map(|layer| layer.parse()).transpose();
        let normalise = metadata.get("normalise").map_or("none", String::as_str);
        Ok(Self {
            centers: centers.values,
            counts: counts.values,
            dim,
            space,
            normalise: Normalise::by_name(normalise)
                .ok_or_else(|| wrong(format!("normalise {normalise} is not known")))?,
            layer: layer.map_err(|_| wrong("layer is not a number".into()))?,
            patch_size,
            mean: triple("mean")?,
            std: triple("std")?,
        })
    }
}

/// The space called `name`, with the parts of the file that belong to it.
fn space_of(
    name: &str,
    metadata: &HashMap<String, String>,
    projection: Option<Array>,
    dim: usize,
) -> Result<Space, String> {
    match name {
        "pixels" => Ok(Space::Pixels),
        "features" => {
            let hash = metadata.get("teacher_hash").cloned();
            hash.map(|teacher_hash| Space::Features { teacher_hash })
                .ok_or_else(|| "metadata lacks teacher_hash".into())
        }
        "random-projection" => projection
            .filter(|array| array.shape.len() == 2 && array.shape[0] == dim)
            .map(|array| Space::RandomProjection {
                projection: array.values,
            })
            .ok_or_else(|| format!("needs a tensor projection of shape [{dim}, 3 p p]")),
        "labels" => Ok(Space::Labels),
        other => Err(format!(
            "space {other} is none of pixels, features, random-projection and labels"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pretrain::tiny;

    fn codebook() -> Codebook {
        let model = tiny::config().model;
        Codebook {
            centers: (0..2 * model.patch_dim()).map(|i| i as f32).collect(),
            counts: vec![30.0, 10.0],
            dim: model.patch_dim(),
            space: Space::Pixels,
            normalise: Normalise::None,
            layer: None,
            patch_size: model.patch_size,
            mean: model.mean,
            std: model.std,
        }
    }

    #[test]
    fn files_read_back_and_lies_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("codebook.safetensors");
        let features = Codebook {
            space: Space::Features {
                teacher_hash: "ab".into(),
            },
            normalise: Normalise::L2,
            layer: Some(3),
            ..codebook()
        };
        let projection = Codebook {
            space: Space::RandomProjection {
                projection: vec![0.5; 2 * codebook().dim],
            },
            centers: vec![0.0, 1.0, 1.0, 0.0],
            dim: 2,
            normalise: Normalise::PerPatch,
            ..codebook()
        };
        let labels = Codebook {
            space: Space::Labels,
            centers: vec![0.0, 1.0],
            dim: 1,
            ..codebook()
        };
        for codebook in [codebook(), projection, labels, features] {
            codebook.write(&path).unwrap();
            assert_eq!(Codebook::read(&path).unwrap(), codebook);
        }
        let bytes = std::fs::read(&path).unwrap();
        let rewritten = |from: &str, to: &str| {
            let at = bytes.windows(from.len()).position(|w| w == from.as_bytes());
            let at = at.unwrap();
            let bytes = [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat();
            std::fs::write(&path, bytes).unwrap();
            Codebook::read(&path).unwrap_err().to_string()
        };
        assert!(rewritten("channel,row,column", "row,column,channel").contains("patch_order"));
        assert!(rewritten("\"features\"", "\"textures\"").contains("textures"));
        assert!(rewritten("counts", "counsl").contains("counts"));
    }

    #[test]
    fn entropy_is_that_of_the_counts() {
        let expected = -(0.75f64 * 0.75f64.ln() + 0.25 * 0.25f64.ln());
        assert!((codebook().unigram_entropy() - expected).abs() < 1e-9);
    }

    #[test]
    fn a_codebook_for_other_patches_is_refused() {
        let mut model = tiny::config().model;
        assert!(codebook().check_pixels(&model).is_ok());
        model.mean[0] += 0.1;
        assert!(codebook().check_pixels(&model).is_err());
        model = tiny::config().model;
        model.patch_size = 8;
        assert!(codebook().check_pixels(&model).is_err());
    }
}
