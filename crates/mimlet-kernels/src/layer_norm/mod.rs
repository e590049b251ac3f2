//! Layer norm over the last axis (Ba et al. 2016, arXiv 1607.06450):
//! `y = (x - mean) / sqrt(var + eps) * weight + bias`, variance over N, both moments in f32.

#[cfg(feature = "cases")]
pub(crate) mod cases;
mod cpu;
mod reference;

use crate::op::{Access, Call, WgslKernel};
use alloc::vec;

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

/// The dispatch over `rows` rows.
#[must_use]
pub fn call(params: &Params, rows: u32) -> Call {
    Call {
        constants: vec![("DIM", params.dim as f64), ("EPS", f64::from(params.eps))],
        workgroups: [rows, 1, 1],
    }
}
