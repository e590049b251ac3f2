//! Linear layer on signed bytes: weights with one scale per output channel, activations with a scale
//! and a zero point per row, as [`crate::quantize_rows`] makes them.
//! `y = sum_k (x_k + zero_point) w_k * row_scale * channel_scale + b`; the sum is exact in i32: with
//! 65,536 inputs it is at most 65,536 x 254 x 128.

#[cfg(feature = "cases")]
pub(crate) mod cases;
mod cpu;
mod reference;

use crate::epilogue::Epilogue;
use crate::op::{Access, Call, Texel, Variant, WgslKernel};
use alloc::vec;
use alloc::vec::Vec;

pub use cpu::{Weights, cpu, scratch_len, sums};
pub use reference::reference;

/// Shape of a quantised linear layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    /// Values in an input row, before padding to a multiple of four.
    pub inputs: usize,
    /// Values in an output row.
    pub outputs: usize,
}

impl Params {
    /// Words in a quantised input row: four bytes each, then scale and zero point.
    #[must_use]
    pub fn row_words(&self) -> usize {
        crate::quantize_rows::row_words(self.inputs)
    }
}

/// Bindings: x `[rows, row_words]` from `quantize_rows`, weight `Panel16x4 [outputs, inputs]` as
/// words, channel scales and biases `[2, outputs]`, y `[rows, outputs]`. Each invocation computes
/// 4 rows x 4 outputs; a workgroup of 8 x 8 computes 32 outputs (x) of 32 rows (y).
pub static KERNEL: WgslKernel = WgslKernel {
    name: "linear_q8",
    source: concat!(
        include_str!("linear_q8.wgsl"),
        include_str!("../epilogue.wgsl"),
        include_str!("../shorten.wgsl"),
        include_str!("../gelu/function.wgsl"),
    ),
    workgroup_size: [8, 8, 1],
    workgroup_bytes: 0,
    bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
};

/// As [`KERNEL`], for outputs in multiples of four: x and weight are textures. Each invocation
/// computes 8 rows x 8 outputs; a workgroup of 8 x 2 computes 64 outputs (x) of 16 rows (y).
static TEXELS: WgslKernel = WgslKernel {
    name: "linear_q8_texels",
    source: concat!(
        include_str!("linear_q8_texels.wgsl"),
        include_str!("../texels/place.wgsl"),
        include_str!("../texels/bytes.wgsl"),
        include_str!("../epilogue.wgsl"),
        include_str!("../shorten.wgsl"),
        include_str!("../gelu/function.wgsl"),
    ),
    workgroup_size: [8, 2, 1],
    workgroup_bytes: 0,
    bindings: &[
        Access::Texels(Texel::U32),
        Access::Texels(Texel::U32x4),
        Access::Read,
        Access::ReadWrite,
    ],
};

/// The ways to compute `rows` rows, the first with [`KERNEL`].
#[must_use]
pub fn variants(params: &Params, rows: u32, epilogue: Epilogue) -> Vec<Variant> {
    let call = Call {
        constants: vec![
            ("ROWS", f64::from(rows)),
            ("INPUTS", params.inputs as f64),
            ("OUTPUTS", params.outputs as f64),
            epilogue.constant(),
        ],
        workgroups: [params.outputs.div_ceil(32) as u32, rows.div_ceil(32), 1],
    };
    let block = Call {
        workgroups: [params.outputs.div_ceil(64) as u32, rows.div_ceil(16), 1],
        ..call.clone()
    };
    let mut variants = vec![Variant::single(&KERNEL, call)];
    if params.outputs.is_multiple_of(4) {
        variants.push(Variant::single(&TEXELS, block));
    }
    variants
}
