//! How weights are stored, as a flag.

use clap::ValueEnum;
use mimlet_format::Scheme;

/// How the linear layers' weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemeName {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// Bytes with a scale for each output channel; activations are quantised row by row.
    Int8,
    /// 4-bit integers with a scale for each output channel and group of inputs; activations as for
    /// int8.
    Int4,
    /// 4-bit integers, bytes or 16-bit floats, chosen for each layer by what it does to the features.
    Mixed,
}

impl From<SchemeName> for Scheme {
    fn from(name: SchemeName) -> Self {
        match name {
            SchemeName::F32 => Self::F32,
            SchemeName::F16 => Self::F16,
            SchemeName::Int8 => Self::Int8,
            SchemeName::Int4 => Self::Int4,
            SchemeName::Mixed => Self::Mixed,
        }
    }
}
