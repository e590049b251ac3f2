//! What suites that cross crates share: models to run, and what other software made of them.

mod agreement;
mod packed;
pub mod shapes;
pub mod timm;
pub mod tiny;

pub use agreement::Agreement;
pub use packed::{encoder_on_cpu, model_file, rebuilt};

use std::path::PathBuf;

/// The README, whose Rust is compiled as a documentation test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[derive(Debug)]
pub struct Readme;

/// A path below `tests/`.
#[must_use]
pub fn path(relative: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), relative].iter().collect()
}
