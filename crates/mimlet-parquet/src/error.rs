//! What can be wrong with a token table.

use std::io;
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;
use thiserror::Error;

/// A table that cannot be written or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TableError {
    /// The system refused.
    #[error("{}: cannot be {action}: {source}", path.display())]
    Io {
        /// The table.
        path: PathBuf,
        /// What was tried, as in "written".
        action: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// Writing or reading Parquet failed.
    #[error("{}: Parquet cannot be {action}: {source}", path.display())]
    Parquet {
        /// The table.
        path: PathBuf,
        /// What was tried, as in "read".
        action: &'static str,
        /// Why.
        source: ParquetError,
    },
    /// Parquet, but no token table.
    #[error("{}: {problem}", path.display())]
    NoTable {
        /// The file.
        path: PathBuf,
        /// What it lacks, and the mend.
        problem: String,
    },
    /// A token the codebook has no centroid for.
    #[error("{image}: token {token} is outside the codebook of {codebook_size} tokens")]
    Token {
        /// The image.
        image: String,
        /// The token.
        token: u32,
        /// Size of the codebook.
        codebook_size: u32,
    },
    /// A label without a class name.
    #[error("{image}: label {label} is outside the {classes} classes of the table")]
    Label {
        /// The image.
        image: String,
        /// The label.
        label: u32,
        /// Number of classes.
        classes: usize,
    },
    /// More tokens, classes or patches than a signed 32-bit column holds.
    #[error("{0} are more than 2147483647, the most a token table holds")]
    TooMany(&'static str),
}

impl TableError {
    /// For `map_err` on file operations.
    pub(crate) fn io<'a>(
        path: &'a Path,
        action: &'static str,
    ) -> impl FnOnce(io::Error) -> Self + use<'a> {
        move |source| Self::Io {
            path: path.to_owned(),
            action,
            source,
        }
    }

    /// For `map_err` on Parquet.
    pub(crate) fn parquet<'a>(
        path: &'a Path,
        action: &'static str,
    ) -> impl FnOnce(ParquetError) -> Self + use<'a> {
        move |source| Self::Parquet {
            path: path.to_owned(),
            action,
            source,
        }
    }
}
