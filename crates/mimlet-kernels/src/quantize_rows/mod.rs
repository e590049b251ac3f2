//! Quantises each row to signed bytes by its own largest magnitude:
//! `scale = max|x| / 127`, `q = round(x * (127 / max|x|))`, halves to even, within -127..127. A row
//! of zeros has scale 0.
//!
//! A quantised row is `ceil(dim / 4)` words of four bytes, first byte lowest, missing bytes zero,
//! and one word with the bits of the scale.

#[cfg(feature = "cases")]
pub(crate) mod cases;
mod cpu;
mod reference;

use crate::op::{Access, Call, WgslKernel};
use alloc::vec;

pub use cpu::cpu;
pub use reference::reference;

/// Words in a quantised row of `dim` values.
#[must_use]
pub const fn row_words(dim: usize) -> usize {
    dim.div_ceil(4) + 1
}

/// Shape of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    /// Values in a row.
    pub dim: usize,
}

/// Bindings: x `[rows, dim]`, quantised `[rows, row_words]`. One workgroup a row.
pub static KERNEL: WgslKernel = WgslKernel {
    name: "quantize_rows",
    source: include_str!("quantize_rows.wgsl"),
    workgroup_size: [64, 1, 1],
    workgroup_bytes: 256,
    bindings: &[Access::Read, Access::ReadWrite],
};

/// The dispatch over `rows` rows.
#[must_use]
pub fn call(params: &Params, rows: u32) -> Call {
    Call {
        constants: vec![("DIM", params.dim as f64)],
        workgroups: [rows, 1, 1],
    }
}
