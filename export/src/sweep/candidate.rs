//! What a sweep tries.

use crate::pack::scheme_name;
use crate::{ExportError, ExportOptions};
use mimlet_format::{DType, Scheme};

/// One way to store a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What it is called in tables and file names.
    pub name: String,
    /// How the linear layers are stored.
    pub scheme: Scheme,
    /// Inputs that share a scale of 4-bit weights.
    pub group: u32,
    /// How the codebook's centroids are stored.
    pub codebook_type: DType,
}

impl Candidate {
    /// A scheme with 4-bit scales for groups of 32 and a codebook in f32.
    #[must_use]
    pub fn of(scheme: Scheme) -> Self {
        Self {
            name: scheme_name(scheme).to_owned(),
            scheme,
            group: 32,
            codebook_type: DType::F32,
        }
    }

    /// The same with 4-bit scales for groups of 64: `-g64`.
    fn in_wide_groups(self) -> Self {
        Self {
            name: self.name + "-g64",
            group: 64,
            ..self
        }
    }

    /// The same with the codebook in bytes: `-c8`.
    fn with_codebook_in_bytes(self) -> Self {
        Self {
            name: self.name + "-c8",
            codebook_type: DType::I8,
            ..self
        }
    }

    /// Every candidate there is, the widest first. Scheme mixed finds layer types of its own, for the
    /// agreement or the budget asked for.
    #[must_use]
    pub fn all() -> Vec<Self> {
        vec![
            Self::of(Scheme::F32),
            Self::of(Scheme::F16),
            Self::of(Scheme::Int8),
            Self::of(Scheme::Int8).with_codebook_in_bytes(),
            Self::of(Scheme::Mixed),
            Self::of(Scheme::Int4),
            Self::of(Scheme::Int4).with_codebook_in_bytes(),
            Self::of(Scheme::Int4).in_wide_groups(),
        ]
    }

    /// Those with these names, in the order of [`all`](Self::all).
    ///
    /// # Errors
    /// [`ExportError::Config`] for a name that there is not, listing those there are.
    pub fn named(names: &[String]) -> Result<Vec<Self>, ExportError> {
        let mut all = Self::all();
        let known: Vec<&str> = all
            .iter()
            .map(|candidate| candidate.name.as_str())
            .collect();
        if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(ExportError::Config {
                field: "--sweep",
                reason: format!("knows {}; it has no {unknown}", known.join(", ")),
            });
        }
        all.retain(|candidate| names.contains(&candidate.name));
        Ok(all)
    }

    /// Sets what it stands for.
    pub(super) fn apply(&self, options: &mut ExportOptions<'_>) {
        options.scheme = self.scheme;
        options.group = self.group;
        options.codebook_type = self.codebook_type;
    }
}
