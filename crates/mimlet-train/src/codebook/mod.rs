//! Codebooks: what turns patches into tokens, how it is made of a set of images, and its file.

mod baseline;
mod build;
mod config;
mod file;
mod normalise;
mod vectors;

pub use build::{Built, Request, build, pixel_codebook};
pub use config::{CodebookConfig, SpaceKind};
pub use file::{Codebook, Space};
pub use normalise::Normalise;
