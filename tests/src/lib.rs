//! What suites that cross crates share: models to run, and what other software made of them.

mod packed;
pub mod timm;
pub mod tiny;

pub use packed::{encoder_on_cpu, model_file, rebuilt};

use std::path::PathBuf;

/// A path below `tests/`.
#[must_use]
pub fn path(relative: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), relative].iter().collect()
}
