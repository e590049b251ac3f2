//! Quantises each row to signed bytes over the range of its values and zero:
//! `half = (max(x, 0) - min(x, 0)) / 2`, `scale = half / 127`, zero point
//! `z = round((max(x, 0) + min(x, 0)) / 2 * (127 / half))`, `q = round(x * (127 / half)) - z`, halves
//! to even, within -127..127; `x` is about `(q + z) * scale`. A row of zeros has scale 0.
//!
//! The zero point is worth almost a bit where values lie to one side of zero, as after GELU
//! (asymmetric quantisation: Jacob et al. 2018, arXiv 1712.05877). With zero in the range it lies
//! within -127..127, so `sum (q + z) w` is exact in i32: a linear layer adds `z` times the sum of each
//! output's weights before anything is rounded.
//!
//! A quantised row is `ceil(dim / 4)` words of four bytes, first byte lowest, missing bytes zero,
//! one word with the bits of the scale and one with the zero point.

#[cfg(feature = "cases")]
pub(crate) mod cases;
mod cpu;
mod reference;

use crate::op::{Access, Call, Operand, Texel, Variant, WgslKernel};
use alloc::vec;
use alloc::vec::Vec;

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
    source: concat!(
        include_str!("quantize_rows.wgsl"),
        include_str!("row.wgsl"),
        include_str!("range.wgsl"),
    ),
    workgroup_size: [64, 1, 1],
    workgroup_bytes: 512,
    bindings: &[Access::Read, Access::ReadWrite],
};

/// As [`KERNEL`], on a GPU whose invocations compare values within a subgroup.
static SUBGROUPS: WgslKernel = WgslKernel {
    name: "quantize_rows_subgroups",
    source: concat!(
        include_str!("quantize_rows_subgroups.wgsl"),
        include_str!("row.wgsl"),
        include_str!("range.wgsl"),
    ),
    workgroup_size: [64, 1, 1],
    workgroup_bytes: 512,
    bindings: &[Access::Read, Access::ReadWrite],
};

/// As [`KERNEL`], for rows in multiples of four: x is a texture. One invocation a row, eight a
/// workgroup.
static TEXELS: WgslKernel = WgslKernel {
    name: "quantize_rows_texels",
    source: concat!(
        include_str!("quantize_rows_texels.wgsl"),
        include_str!("range.wgsl"),
        include_str!("../texels/place.wgsl"),
    ),
    workgroup_size: [8, 1, 1],
    workgroup_bytes: 0,
    bindings: &[Access::Texels(Texel::F32x4), Access::ReadWrite],
};

/// The ways to compute `rows` rows, the first with [`KERNEL`].
#[must_use]
pub fn variants(params: &Params, rows: u32) -> Vec<Variant> {
    let dim = ("DIM", params.dim as f64);
    let tree = Call {
        constants: vec![dim],
        workgroups: [rows, 1, 1],
    };
    let mut variants = vec![
        Variant::single(&KERNEL, tree.clone()),
        Variant::single(&SUBGROUPS, tree),
    ];
    if params.dim.is_multiple_of(4) {
        let by_row = Call {
            constants: vec![dim, ("ROWS", f64::from(rows))],
            workgroups: [rows.div_ceil(8), 1, 1],
        };
        variants.push(Variant::single(&TEXELS, by_row));
    }
    variants
}

/// The ways to quantise rows and then run each of `linear`, whose first operand are the quantised rows:
/// theirs is the rows. Who reads quantised rows as a texture reads the rows as one, too, and who does not
/// pass values between invocations does not do so here.
pub(crate) fn before(linear: Vec<Variant>, params: &Params, rows: u32) -> Vec<Variant> {
    let mut both = Vec::new();
    for way in variants(params, rows) {
        let suits = |linear: &&Variant| match (way.reads_texels(), way.needs_subgroups()) {
            (true, _) => linear.reads_texels(),
            (_, true) => linear.shares_memory() || linear.splits_sums(),
            (false, false) => !linear.reads_texels() || !params.dim.is_multiple_of(4),
        };
        let linear = linear.iter().filter(suits);
        both.extend(linear.map(|linear| one_after_the_other(&way, linear, params, rows)));
    }
    both
}

fn one_after_the_other(way: &Variant, linear: &Variant, params: &Params, rows: u32) -> Variant {
    let mut linear = linear.clone();
    let rows_of_bytes = Operand::Scratch(linear.scratch.len());
    for operand in linear.dispatches.iter_mut().flat_map(|d| &mut d.operands) {
        if *operand == Operand::Given(0) {
            *operand = rows_of_bytes;
        }
    }
    linear.scratch.push(rows as usize * row_words(params.dim));
    let mut dispatches = way.dispatches.clone();
    dispatches[0].operands[1] = rows_of_bytes;
    dispatches.append(&mut linear.dispatches);
    Variant {
        dispatches,
        scratch: linear.scratch,
        parts: linear.parts,
        stands_in: linear.stands_in,
    }
}
