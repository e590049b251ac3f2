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

/// A codebook's centroids in `Panel16`. Distances are of f32: narrower values are widened first.
#[derive(Debug, Clone, Copy)]
pub enum Centroids<'a> {
    /// 32-bit floats.
    F32(&'a [f32]),
    /// Bits of 16-bit floats.
    F16(&'a [u16]),
    /// Signed bytes, and a scale for each centroid: a value is their product, rounded to f32.
    I8(&'a [i8], &'a [f32]),
}

/// The type of a codebook's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// Signed bytes with a scale for each centroid.
    I8,
}

/// Bindings: x `[rows, dim]` from row `FIRST` on; centroids `Panel16 [centroids, dim]` as words, and
/// after those of bytes the scales `[centroids]`; tokens `[rows]`; distances `[rows, 2]` (best, then
/// second-best; with one centroid the second is the square root of the largest f32). One workgroup a
/// row.
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
pub fn call(params: &Params, storage: Storage, first: u32, rows: u32) -> Call {
    let bits = match storage {
        Storage::F32 => 32.0,
        Storage::F16 => 16.0,
        Storage::I8 => 8.0,
    };
    Call {
        constants: vec![
            ("FIRST", f64::from(first)),
            ("DIM", params.dim as f64),
            ("CENTROIDS", params.centroids as f64),
            ("BITS", bits),
        ],
        workgroups: [rows, 1, 1],
    }
}
