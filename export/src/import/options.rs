//! What a user says of a checkpoint that the checkpoint does not say itself.

use crate::ExportError;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// What a user says of a checkpoint. What is `None` must be in the checkpoint.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImportOptions {
    /// A TOML file with the same settings and more; the fields below win over it. Its keys, all
    /// optional: `num_heads`, `image_size`, `layer_norm_eps`, `resize`, `mean`, `std`, `licence`.
    pub arch_config: Option<PathBuf>,
    /// Attention heads per block.
    pub heads: Option<u32>,
    /// Side of the input image, pixels.
    pub image_size: Option<u32>,
    /// Epsilon of every layer norm.
    pub layer_norm_eps: Option<f32>,
}

/// The TOML file of [`ImportOptions::arch_config`].
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArchConfig {
    pub(super) num_heads: Option<u32>,
    pub(super) image_size: Option<u32>,
    pub(super) layer_norm_eps: Option<f32>,
    pub(super) resize: Option<u32>,
    pub(super) mean: Option<[f32; 3]>,
    pub(super) std: Option<[f32; 3]>,
    pub(super) licence: Option<String>,
}

impl ArchConfig {
    /// The file's settings, overridden by the options'.
    pub(super) fn of(options: &ImportOptions) -> Result<Self, ExportError> {
        let file = match &options.arch_config {
            Some(path) => Self::read(path)?,
            None => Self::default(),
        };
        Ok(Self {
            num_heads: options.heads.or(file.num_heads),
            image_size: options.image_size.or(file.image_size),
            layer_norm_eps: options.layer_norm_eps.or(file.layer_norm_eps),
            ..file
        })
    }

    fn read(path: &Path) -> Result<Self, ExportError> {
        let text = std::fs::read_to_string(path).map_err(ExportError::io(path))?;
        toml::from_str(&text).map_err(|error| {
            ExportError::content(
                path,
                format!("not an architecture file: {}", error.message()),
            )
        })
    }
}
