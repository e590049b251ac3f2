//! Linear layer on 4-bit weights with one scale per output channel and group of inputs, activations
//! in bytes with a scale and a zero point per row, as [`crate::quantize_rows`] makes them:
//! `y = row_scale * (sum_g (s_g * sum_{k in g} x_k w_k) + z * sum_g (s_g * sum_{k in g} w_k)) + b`
//! with a group's scale `s_g`. The inner sums are exact in i32, the outer ones run in f32 over the
//! groups in order.
//!
//! Groups of 32 or 64 are the blocks of GGML's `Q4_0` and of GPTQ's `group_size` (Frantar et al.
//! 2022, arXiv 2210.17323); weights -8 to 7, without a zero point.

#[cfg(feature = "cases")]
pub(crate) mod cases;
mod cpu;
mod reference;

use crate::byte_rows::{
    self, Kernels, join_of_bytes, share_of_bytes, tiles_of_bytes, tiles_of_made_bytes,
};
use crate::epilogue::{Epilogue, with_epilogue};
use crate::in_parts::PanelWeight;
use crate::op::{Access, Operand, Texel, Variant, WgslKernel};
use crate::panel::len16x8;
use crate::tiles::{LARGE, SMALL};
use alloc::vec;
use alloc::vec::Vec;

pub use cpu::{Weights, cpu, scratch_len, sums};
pub use reference::reference;

/// Shape of a linear layer with 4-bit weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    /// Values in an input row.
    pub inputs: usize,
    /// Values in an output row.
    pub outputs: usize,
    /// Inputs that share a scale: 32 or 64. The last group may be short.
    pub group_size: usize,
}

impl Params {
    /// Words in a quantised input row: four bytes each, then scale and zero point.
    #[must_use]
    pub fn row_words(&self) -> usize {
        crate::quantize_rows::row_words(self.inputs)
    }

    /// Groups of inputs, and scales of an output.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.inputs.div_ceil(self.group_size)
    }
}

/// Bindings: x `[rows, row_words]` from `quantize_rows`; weight `Panel16x8 [outputs, inputs]` as
/// words of eight halves; group scales `Panel16 [outputs, groups]` in f16, two a word, and after them
/// the biases `[outputs]`; y `[rows, outputs]`. Each invocation computes 4 rows x 4 outputs; a
/// workgroup of 8 x 8 computes 32 outputs (x) of 32 rows (y).
pub static KERNEL: WgslKernel = block(
    "linear_q4",
    with_epilogue!(
        "../byte_rows/given.wgsl",
        "operands.wgsl",
        "weight.wgsl",
        "outputs.wgsl",
        "../store.wgsl",
        "linear_q4.wgsl"
    ),
);

/// As [`KERNEL`], eight inputs of a row at a time.
static FOURS: WgslKernel = block("linear_q4_fours", with_epilogue!("linear_q4_fours.wgsl"));

const fn block(name: &'static str, source: &'static str) -> WgslKernel {
    WgslKernel {
        name,
        source,
        workgroup_size: [8, 8, 1],
        workgroup_bytes: 0,
        bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
    }
}

/// Every kernel. Of the textures, each invocation computes 8 rows x 8 outputs; a workgroup of 8 x 2
/// computes 64 outputs (x) of 16 rows (y).
static KERNELS: Kernels = Kernels {
    block: &KERNEL,
    packed: None,
    fours: &[(&FOURS, usize::MAX)],
    texels: WgslKernel {
        name: "linear_q4_texels",
        source: with_epilogue!(
            "linear_q4_texels.wgsl",
            "../texels/place.wgsl",
            "../texels/bytes.wgsl"
        ),
        workgroup_size: [8, 2, 1],
        workgroup_bytes: 0,
        bindings: &[
            Access::Texels(Texel::U32),
            Access::Texels(Texel::U32x4),
            Access::Read,
            Access::ReadWrite,
        ],
    },
    tiles: [
        SMALL.kernel("linear_q4_tiles_32", tiles_of_bytes!("../tiles/small.wgsl")),
        LARGE.kernel("linear_q4_tiles_64", tiles_of_bytes!("../tiles/large.wgsl")),
    ],
    made: [
        SMALL.quantizing_kernel(
            "linear_q4_made_32",
            tiles_of_made_bytes!("../tiles/small.wgsl"),
        ),
        LARGE.quantizing_kernel(
            "linear_q4_made_64",
            tiles_of_made_bytes!("../tiles/large.wgsl"),
        ),
    ],
    split: byte_rows::split(
        [
            ("linear_q4_share", share_of_bytes!()),
            ("linear_q4_join", join_of_bytes!()),
        ],
        &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
        &[
            Operand::Given(0),
            Operand::Given(1),
            Operand::Given(2),
            Operand::Scratch(0),
        ],
    ),
};

/// The weight, as [`KERNEL`] can take it in parts.
#[must_use]
pub fn panel_weight(params: &Params) -> PanelWeight {
    PanelWeight::of_layer(params.outputs, len16x8(1, params.inputs))
}

/// The ways to compute `rows` rows, the first with [`KERNEL`].
#[must_use]
pub fn variants(params: &Params, rows: u32, epilogue: Epilogue) -> Vec<Variant> {
    let shape = [params.inputs, params.outputs];
    KERNELS.variants(&constants(params, rows), epilogue, rows, shape)
}

/// The ways to quantise `rows` rows of floats, the first operand, and then to compute as [`variants`]
/// does.
#[must_use]
pub fn quantizing_variants(params: &Params, rows: u32, epilogue: Epilogue) -> Vec<Variant> {
    let shape = [params.inputs, params.outputs];
    KERNELS.quantizing_variants(&constants(params, rows), epilogue, rows, shape)
}

fn constants(params: &Params, rows: u32) -> Vec<(&'static str, f64)> {
    vec![
        ("ROWS", f64::from(rows)),
        ("INPUTS", params.inputs as f64),
        ("OUTPUTS", params.outputs as f64),
        ("GROUP", params.group_size as f64),
    ]
}
