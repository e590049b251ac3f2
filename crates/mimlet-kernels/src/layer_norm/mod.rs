//! Layer norm over the last axis (Ba et al. 2016, arXiv 1607.06450):
//! `y = (x - mean) / sqrt(var + eps) * weight + bias`, variance over N, both moments in f32.

#[cfg(feature = "cases")]
pub(crate) mod cases;
mod cpu;
mod reference;

use crate::op::{Access, Call, Texel, Variant, WgslKernel};
use alloc::vec;
use alloc::vec::Vec;

pub use cpu::cpu;
pub use reference::reference;

/// Shape and epsilon of a layer norm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    /// Values in a row.
    pub dim: usize,
    /// Added to the variance.
    pub eps: f32,
}

/// Bindings: x `[rows, dim]`, weight and bias `[2, dim]`, y `[rows, dim]`. One workgroup a row.
pub static KERNEL: WgslKernel = WgslKernel {
    name: "layer_norm",
    source: include_str!("layer_norm.wgsl"),
    workgroup_size: [64, 1, 1],
    workgroup_bytes: 256,
    bindings: &[Access::Read, Access::Read, Access::ReadWrite],
};

/// As [`KERNEL`], on a GPU whose invocations add values within a subgroup.
static SUBGROUPS: WgslKernel = WgslKernel {
    name: "layer_norm_subgroups",
    source: include_str!("layer_norm_subgroups.wgsl"),
    workgroup_size: [64, 1, 1],
    workgroup_bytes: 512,
    bindings: &[Access::Read, Access::Read, Access::ReadWrite],
};

/// As [`KERNEL`], for rows in multiples of four: x, weight and bias are textures. One invocation a
/// row, eight a workgroup.
static TEXELS: WgslKernel = WgslKernel {
    name: "layer_norm_texels",
    source: concat!(
        include_str!("layer_norm_texels.wgsl"),
        include_str!("../texels/place.wgsl"),
    ),
    workgroup_size: [8, 1, 1],
    workgroup_bytes: 0,
    bindings: &[
        Access::Texels(Texel::F32x4),
        Access::Texels(Texel::F32x4),
        Access::ReadWrite,
    ],
};

/// The ways to compute `rows` rows, the first with [`KERNEL`].
#[must_use]
pub fn variants(params: &Params, rows: u32) -> Vec<Variant> {
    let shape = vec![("DIM", params.dim as f64), ("EPS", f64::from(params.eps))];
    let mut by_row = Call {
        constants: shape.clone(),
        workgroups: [rows.div_ceil(8), 1, 1],
    };
    by_row.constants.push(("ROWS", f64::from(rows)));
    let tree = Call {
        constants: shape,
        workgroups: [rows, 1, 1],
    };
    let mut variants = vec![
        Variant::single(&KERNEL, tree.clone()),
        Variant::single(&SUBGROUPS, tree),
    ];
    if params.dim.is_multiple_of(4) {
        variants.push(Variant::single(&TEXELS, by_row));
    }
    variants
}
