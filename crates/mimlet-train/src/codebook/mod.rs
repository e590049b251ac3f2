//! Codebooks: k-means centroids of patches, the file that holds them, and the nearest-centroid
//! rule that turns a patch into a token.

mod build;
mod file;
pub mod kmeans;
mod nearest;

pub use build::{feature_codebook, pixel_codebook};
pub use file::{Codebook, Space};
pub use nearest::Assigner;
