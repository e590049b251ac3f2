//! Quantises each row to signed bytes about the middle between its extremes:
//! `middle = min/2 + max/2`, `half = max(max - middle, middle - min)`, `scale = half / 127`,
//! `q = round((x - middle) * (127 / half))`, halves to even, within -127..127; `x` is about
//! `q * scale + middle`. A row of equal values has scale 0.
//!
//! The middle is worth almost a bit where values lie to one side of zero, as after GELU (asymmetric
//! quantisation: Jacob et al. 2018, arXiv 1712.05877, with the zero point in f32). It costs a linear
//! layer one product with the sum of each output's weights.
//!
//! A quantised row is `ceil(dim / 4)` words of four bytes, first byte lowest, missing bytes zero,
//! one word with the bits of the scale and one with those of the middle.

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
    dim.div_ceil(4) + 2
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
    workgroup_bytes: 512,
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
