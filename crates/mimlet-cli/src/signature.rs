//! Whose signature a model must carry, for every command that opens one.

use std::path::{Path, PathBuf};

use clap::Args;
use mimlet_format::{Model, ModelFile, PublicKey};
use serde::Serialize;

use crate::error::Error;
use crate::key_files::read_public;

/// The flag that asks for a signature.
#[derive(Debug, Clone, Args)]
pub(crate) struct SignatureArgs {
    /// Refuse the file, with exit code 1, unless the holder of this public key has signed it
    #[arg(long, value_name = "PUBKEY", visible_alias = "key")]
    require_signature: Option<PathBuf>,
}

/// A file's signature, as reports show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SignatureReport {
    /// The public key it names, hexadecimal.
    pub(crate) key: String,
    /// Whether that key was given, and the signature held.
    pub(crate) verified: bool,
}

impl SignatureArgs {
    /// Opens a model, which must carry the signature that is asked for.
    ///
    /// # Errors
    /// The key or the model is none; or, as a failed check, the signature is missing or another's.
    pub(crate) fn open(&self, path: &Path) -> Result<ModelFile, Error> {
        // The key first: a bad one is never taken for a bad file.
        let key = self.require_signature.as_deref().map(read_public);
        let key = key.transpose()?;
        let file = ModelFile::open(path)?;
        if let Some(key) = key {
            verify(path, &file.model(), &key)?;
        }
        Ok(file)
    }

    /// Whether a signature is asked for.
    pub(crate) fn is_required(&self) -> bool {
        self.require_signature.is_some()
    }

    /// What there is to say about the signature of a model that was opened with these arguments.
    pub(crate) fn report(&self, model: &Model<'_>) -> Option<SignatureReport> {
        model.signature().map(|block| SignatureReport {
            key: crate::units::hex(&block.key),
            verified: self.is_required(),
        })
    }

    /// Holds a signature to the key that it names itself: even where none is asked for, a damaged one
    /// is told.
    ///
    /// # Errors
    /// As a failed check, it does not hold.
    pub(crate) fn check_own(path: &Path, model: &Model<'_>) -> Result<(), Error> {
        let Some(block) = model.signature() else {
            return Ok(());
        };
        let key = PublicKey::from_bytes(block.key).map_err(|_| {
            Error::check(
                path,
                "its signature names no key: it was changed, get it again",
            )
        })?;
        verify(path, model, &key)
    }
}

fn verify(path: &Path, model: &Model<'_>, key: &PublicKey) -> Result<(), Error> {
    model
        .verify_signature(key)
        .map_err(|error| Error::check(path, error))
}

impl std::fmt::Display for SignatureReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let remark = if self.verified {
            "verified"
        } else {
            "holds for the key it names; --require-signature says whose key that must be"
        };
        write!(f, "{} ({remark})", self.key)
    }
}
