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

use crate::epilogue::Epilogue;
use crate::op::{Access, Call, Texel, Variant, WgslKernel};
use crate::quantize_rows;
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
pub static KERNEL: WgslKernel = WgslKernel {
    name: "linear_q4",
    source: concat!(
        include_str!("../byte_rows/given.wgsl"),
        include_str!("operands.wgsl"),
        include_str!("linear_q4.wgsl"),
        include_str!("../epilogue.wgsl"),
        include_str!("../shorten.wgsl"),
        include_str!("../gelu/function.wgsl"),
    ),
    workgroup_size: [8, 8, 1],
    workgroup_bytes: 0,
    bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
};

/// As [`KERNEL`], 32 x 32 a workgroup through its memory.
static SMALL_TILES: WgslKernel = SMALL.kernel(
    "linear_q4_tiles_32",
    concat!(
        include_str!("../byte_rows/products.wgsl"),
        include_str!("../byte_rows/given.wgsl"),
        include_str!("operands.wgsl"),
        include_str!("tile.wgsl"),
        include_str!("../tiles/small.wgsl"),
        include_str!("../tiles/shape.wgsl"),
        include_str!("../tiles/bytes.wgsl"),
        include_str!("../epilogue.wgsl"),
        include_str!("../shorten.wgsl"),
        include_str!("../gelu/function.wgsl"),
    ),
);

/// As [`SMALL_TILES`], on rows of floats that each workgroup quantises for itself.
static SMALL_MADE: WgslKernel = SMALL.quantizing_kernel(
    "linear_q4_made_32",
    concat!(
        include_str!("../byte_rows/products.wgsl"),
        include_str!("operands.wgsl"),
        include_str!("tile.wgsl"),
        include_str!("../tiles/small.wgsl"),
        include_str!("../tiles/shape.wgsl"),
        include_str!("../tiles/made_bytes.wgsl"),
        include_str!("../quantize_rows/range.wgsl"),
        include_str!("../epilogue.wgsl"),
        include_str!("../shorten.wgsl"),
        include_str!("../gelu/function.wgsl"),
    ),
);

/// As [`KERNEL`], 64 x 64 a workgroup through its memory.
static LARGE_TILES: WgslKernel = LARGE.kernel(
    "linear_q4_tiles_64",
    concat!(
        include_str!("../byte_rows/products.wgsl"),
        include_str!("../byte_rows/given.wgsl"),
        include_str!("operands.wgsl"),
        include_str!("tile.wgsl"),
        include_str!("../tiles/large.wgsl"),
        include_str!("../tiles/shape.wgsl"),
        include_str!("../tiles/bytes.wgsl"),
        include_str!("../epilogue.wgsl"),
        include_str!("../shorten.wgsl"),
        include_str!("../gelu/function.wgsl"),
    ),
);

/// As [`LARGE_TILES`], on rows of floats that each workgroup quantises for itself.
static LARGE_MADE: WgslKernel = LARGE.quantizing_kernel(
    "linear_q4_made_64",
    concat!(
        include_str!("../byte_rows/products.wgsl"),
        include_str!("operands.wgsl"),
        include_str!("tile.wgsl"),
        include_str!("../tiles/large.wgsl"),
        include_str!("../tiles/shape.wgsl"),
        include_str!("../tiles/made_bytes.wgsl"),
        include_str!("../quantize_rows/range.wgsl"),
        include_str!("../epilogue.wgsl"),
        include_str!("../shorten.wgsl"),
        include_str!("../gelu/function.wgsl"),
    ),
);

/// As [`KERNEL`], for outputs in multiples of four: x and weight are textures. Each invocation
/// computes 8 rows x 8 outputs; a workgroup of 8 x 2 computes 64 outputs (x) of 16 rows (y).
static TEXELS: WgslKernel = WgslKernel {
    name: "linear_q4_texels",
    source: concat!(
        include_str!("linear_q4_texels.wgsl"),
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
    let constants = constants(params, rows, epilogue);
    let (tokens, outputs) = (rows as usize, params.outputs);
    let call = |channels: usize, rows_each: u32| Call {
        constants: constants.clone(),
        workgroups: [
            outputs.div_ceil(channels) as u32,
            rows.div_ceil(rows_each),
            1,
        ],
    };
    let mut variants = vec![
        Variant::single(&KERNEL, call(32, 32)),
        SMALL.variant(&SMALL_TILES, &constants, tokens, outputs),
        LARGE.variant(&LARGE_TILES, &constants, tokens, outputs),
    ];
    if outputs.is_multiple_of(4) {
        variants.push(Variant::single(&TEXELS, call(64, 16)));
    }
    variants
}

/// The ways to quantise `rows` rows of floats, the first operand, and then to compute as [`variants`]
/// does.
#[must_use]
pub fn quantizing_variants(params: &Params, rows: u32, epilogue: Epilogue) -> Vec<Variant> {
    let dim = params.inputs;
    let given = variants(params, rows, epilogue);
    let mut variants = quantize_rows::before(given, &quantize_rows::Params { dim }, rows);
    let constants = constants(params, rows, epilogue);
    for (tile, kernel) in [(SMALL, &SMALL_MADE), (LARGE, &LARGE_MADE)] {
        variants.push(tile.variant(kernel, &constants, rows as usize, params.outputs));
    }
    variants
}

fn constants(params: &Params, rows: u32, epilogue: Epilogue) -> Vec<(&'static str, f64)> {
    vec![
        ("ROWS", f64::from(rows)),
        ("INPUTS", params.inputs as f64),
        ("OUTPUTS", params.outputs as f64),
        epilogue.constant(),
        ("GROUP", params.group_size as f64),
    ]
}
