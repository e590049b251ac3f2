//! What a user says of a checkpoint that the checkpoint does not say itself.

use super::{Facts, PositionRule};
use crate::ExportError;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// What a user says of a checkpoint. What is `None` must be in the checkpoint.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImportOptions {
    /// A TOML file with the same settings and more; the fields below win over it. Its keys, all
    /// optional: `num_heads`, `image_size` (a side, or `[height, width]`), `layer_norm_eps`,
    /// `resize`, `mean`, `std`, `licence`.
    pub arch_config: Option<PathBuf>,
    /// Attention heads per block.
    pub heads: Option<u32>,
    /// Height and width of the input, pixels. Positions that are for another size are resampled.
    pub image_size: Option<[u32; 2]>,
    /// Epsilon of every layer norm.
    pub layer_norm_eps: Option<f32>,
    /// How positions are resampled; `None` for as the checkpoint's own library does it.
    pub positions: Option<PositionRule>,
}

/// The TOML file of [`ImportOptions::arch_config`].
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArchFile {
    num_heads: Option<u32>,
    image_size: Option<Sides>,
    layer_norm_eps: Option<f32>,
    resize: Option<u32>,
    mean: Option<[f32; 3]>,
    std: Option<[f32; 3]>,
    licence: Option<String>,
}

/// A square's side, or height and width.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum Sides {
    Square(u32),
    Rectangle([u32; 2]),
}

impl Sides {
    pub(super) fn both(self) -> [u32; 2] {
        match self {
            Self::Square(side) => [side; 2],
            Self::Rectangle(sides) => sides,
        }
    }
}

impl ImportOptions {
    /// What the user says: the size that is asked for, and whatever else wins over the checkpoint.
    pub(super) fn facts(&self) -> Result<(Option<[u32; 2]>, Facts), ExportError> {
        let file = match &self.arch_config {
            Some(path) => ArchFile::read(path)?,
            None => ArchFile::default(),
        };
        let asked = self.image_size.or(file.image_size.map(Sides::both));
        let facts = Facts {
            num_heads: self.heads.or(file.num_heads),
            image_size: None,
            layer_norm_eps: self.layer_norm_eps.or(file.layer_norm_eps),
            resize: file.resize,
            mean: file.mean,
            std: file.std,
            licence: file.licence,
            positions: self.positions,
            notes: Vec::new(),
        };
        Ok((asked, facts))
    }
}

impl ArchFile {
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
