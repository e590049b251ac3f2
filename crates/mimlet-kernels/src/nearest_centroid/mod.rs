//! Nearest centroid by Euclidean distance: the assignment step of k-means (Lloyd 1982). Of equally
//! near centroids the first wins.

#[cfg(feature = "cases")]
pub(crate) mod cases;
mod cpu;
mod reference;
mod shortlist;

use crate::in_parts::{self, PanelWeight};
use crate::op::{Access, Call, Texel, Variant, WgslKernel};
use crate::panel::len16;
use alloc::vec;
use alloc::vec::Vec;

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

/// Rounds of all its loops that an invocation makes at most. Mesa's software GPU leaves a shader's loops
/// after 65,535 rounds, all of them counted together, and says nothing (`LP_MAX_TGSI_LOOP_ITERATIONS` in its
/// `lp_bld_limits.h`); others give up on a GPU that does not answer for seconds.
const ROUNDS: usize = 60_000;

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

/// Bindings: x `[rows, dim]` of each image from row `FIRST` on; centroids `Panel16 [centroids, dim]` as
/// words, and after those of bytes the scales `[centroids]`; tokens `[rows]`; distances `[rows, 2]` (best,
/// then second-best; with one centroid the second is the square root of the largest f32). One workgroup a
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

/// As [`KERNEL`], for rows in multiples of four and centroids of floats: x and centroids are
/// textures. One invocation a row, eight a workgroup.
static TEXELS: WgslKernel = texels("nearest_centroid_texels", Texel::F32x4);

/// As [`TEXELS`], for 16-bit centroids.
static HALF_TEXELS: WgslKernel = texels("nearest_centroid_half_texels", Texel::F16x4);

const fn texels(name: &'static str, centroids: Texel) -> WgslKernel {
    WgslKernel {
        name,
        source: concat!(
            include_str!("nearest_centroid_texels.wgsl"),
            include_str!("../texels/place.wgsl"),
        ),
        workgroup_size: [8, 1, 1],
        workgroup_bytes: 0,
        bindings: match centroids {
            Texel::F16x4 => &[
                Access::Texels(Texel::F32x4),
                Access::Texels(Texel::F16x4),
                Access::ReadWrite,
                Access::ReadWrite,
            ],
            _ => &[
                Access::Texels(Texel::F32x4),
                Access::Texels(Texel::F32x4),
                Access::ReadWrite,
                Access::ReadWrite,
            ],
        },
    }
}

/// The centroids, as [`KERNEL`] can take them in parts: of equally near ones in two parts the first wins.
#[must_use]
pub fn panel_weight(params: &Params, storage: Storage) -> PanelWeight {
    let (bytes, scale_bytes) = match storage {
        Storage::F32 => (4, 0),
        Storage::F16 => (2, 0),
        Storage::I8 => (1, 4),
    };
    PanelWeight {
        channels: params.centroids,
        panel_bytes: len16(1, params.dim) * bytes,
        scale_bytes,
        across: None,
        // Each invocation takes every 64th.
        most_channels: (ROUNDS / (params.dim + 1)).max(1) * 64,
    }
}

/// The ways to compute `rows` rows of x for each of `images` images, the first `first` rows of an image
/// left out; the first with [`KERNEL`].
#[must_use]
pub fn variants(
    params: &Params,
    storage: Storage,
    [first, rows]: [u32; 2],
    images: u32,
) -> Vec<Variant> {
    let call = call(params, storage, [first, rows], images);
    let mut variants = vec![Variant::single(&KERNEL, call)];
    let kernel = match storage {
        Storage::F32 => &TEXELS,
        Storage::F16 => &HALF_TEXELS,
        Storage::I8 => return variants,
    };
    let rounds = params.centroids.div_ceil(4) * (params.dim / 4 + 1);
    if params.dim.is_multiple_of(4) && rounds <= ROUNDS {
        let call = Call {
            constants: vec![
                ("FIRST", f64::from(first)),
                ("PATCHES", f64::from(rows)),
                ("ROWS", f64::from(rows * images)),
                ("DIM", params.dim as f64),
                ("CENTROIDS", params.centroids as f64),
            ],
            workgroups: [(rows * images).div_ceil(8), 1, 1],
        };
        variants.push(Variant::single(kernel, call));
    }
    variants
}

/// The dispatch of [`KERNEL`].
fn call(params: &Params, storage: Storage, [first, rows]: [u32; 2], images: u32) -> Call {
    let bits = match storage {
        Storage::F32 => 32.0,
        Storage::F16 => 16.0,
        Storage::I8 => 8.0,
    };
    let constants = [
        ("FIRST", f64::from(first)),
        ("PATCHES", f64::from(rows)),
        ("DIM", params.dim as f64),
        ("CENTROIDS", params.centroids as f64),
        ("BITS", bits),
    ];
    Call {
        constants: [constants.as_slice(), &in_parts::all(params.centroids)].concat(),
        workgroups: [rows * images, 1, 1],
    }
}
