//! Files of `torch.save`: a pickle, which is never run, and the storages that it speaks of.
//!
//! The layout is that of PyTorch's `torch/serialization.py`: since 1.6 a zip archive whose entries
//! are stored as they are, before that a row of pickles with the storages behind them.

mod archive;
mod dangers;
mod legacy;
mod ops;
mod pickle;
mod rebuild;
mod weights;

pub(crate) use archive::open as open_archive;
pub(crate) use legacy::open as open_legacy;

use crate::CheckpointError;
use std::path::Path;

/// Longest pickle that is read, bytes. Those of the largest published checkpoints take a few
/// hundred kilobytes.
const MAX_PICKLE: u64 = 16 << 20;

fn wrong(path: &Path, reason: impl std::fmt::Display) -> CheckpointError {
    CheckpointError::content(path, format!("not a usable PyTorch checkpoint: {reason}"))
}
