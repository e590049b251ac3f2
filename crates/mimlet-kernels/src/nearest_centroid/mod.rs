//! Nearest centroid by Euclidean distance: the assignment step of k-means (Lloyd 1982). Of equally
//! near centroids the first wins.

#[cfg(feature = "cases")]
pub(crate) mod cases;
mod cpu;
mod reference;

use crate::op::{Access, Call, WgslKernel};
use alloc::vec;

pub use cpu::cpu;
pub use reference::reference;

/// Shape of a codebook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    /// Values in a row and in a centroid.
    pub dim: usize,
    /// Number of centroids.
    pub centroids: usize,
}

/// Bindings: x `[rows, dim]` from row `FIRST` on, centroids `Panel16 [centroids, dim]`, tokens
/// `[rows]`, distances `[rows, 2]` (best, then second-best; with one centroid the second is the
/// square root of the largest f32). One workgroup a row.
pub static KERNEL: WgslKernel = WgslKernel {
    name: "nearest_centroid",
    source: include_str!("nearest_centroid.wgsl"),
    workgroup_size: [64, 1, 1],
    workgroup_bytes: 4 * 3 * 64,
    bindings: &[
        Access::Read,
        Access::Read,
        Access::ReadWrite,
        Access::ReadWrite,
    ],
};

/// The dispatch over `rows` rows of x, the first `first` rows left out.
#[must_use]
pub fn call(params: &Params, first: u32, rows: u32) -> Call {
    Call {
        constants: vec![
            ("FIRST", f64::from(first)),
            ("DIM", params.dim as f64),
            ("CENTROIDS", params.centroids as f64),
        ],
        workgroups: [rows, 1, 1],
    }
}
