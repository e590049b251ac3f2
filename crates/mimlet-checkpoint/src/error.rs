//! Why a checkpoint was not read.

use std::io;
use std::path::{Path, PathBuf};

/// Why a checkpoint was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A file cannot be read.
    #[error("{path}: cannot be read: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not what its name or place says, or what no checkpoint should be.
    #[error("{path}: {reason}", path = path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// A tensor holds numbers of a type that is not read.
    #[error(
        "{path}: tensor {name} is {found}; f32, f64, f16 and bf16 are read, convert it",
        path = path.display()
    )]
    WrongDType {
        /// The file.
        path: PathBuf,
        /// The tensor's name there.
        name: String,
        /// Its type, as the file calls it.
        found: String,
    },
}

impl CheckpointError {
    /// For `map_err` on a failed read of `path`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    /// A complaint about the content of `path`.
    pub(crate) fn content(path: &Path, reason: impl Into<String>) -> Self {
        Self::Content {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}
