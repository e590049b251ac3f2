//! Linear layer on signed bytes: weights with one scale per output channel, activations with a scale
//! and a zero point per row, as [`crate::quantize_rows`] makes them.
//! `y = sum_k (x_k + zero_point) w_k * row_scale * channel_scale + b`; the sum is exact in i32: with
//! 65,536 inputs it is at most 65,536 x 254 x 128.

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
use crate::panel::len16x4;
use crate::tiles::{LARGE, SMALL};
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
/// 4 rows x 4 outputs; a workgroup of 8 x 8 computes 32 outputs (x) of 32 rows (y). Bytes are multiplied
/// one by one: a device whose packed products are wrong, or that has none, still runs this.
pub static KERNEL: WgslKernel = block(
    "linear_q8",
    with_epilogue!(
        "../byte_rows/single_products.wgsl",
        "../byte_rows/given.wgsl",
        "operands.wgsl",
        "weight.wgsl",
        "outputs.wgsl",
        "../store.wgsl",
        "linear_q8.wgsl"
    ),
);

/// As [`KERNEL`], with packed products.
static PACKED: WgslKernel = block(
    "linear_q8_packed",
    with_epilogue!(
        "../byte_rows/products.wgsl",
        "../byte_rows/given.wgsl",
        "operands.wgsl",
        "weight.wgsl",
        "outputs.wgsl",
        "../store.wgsl",
        "linear_q8.wgsl"
    ),
);

/// As [`PACKED`], eight inputs of a row at a time.
static PACKED_FOURS: WgslKernel = block(
    "linear_q8_packed_fours",
    with_epilogue!(
        "../byte_rows/products.wgsl",
        "fours.wgsl",
        "fours_packed.wgsl"
    ),
);

/// As [`PACKED_FOURS`], with products of floats.
static FLOAT_FOURS: WgslKernel = block(
    "linear_q8_fours",
    with_epilogue!("fours.wgsl", "fours_floats.wgsl"),
);

/// The most inputs of which a float holds the sum of products of bytes exactly, `127 * 128` each.
const MOST_EXACT: usize = 1024;

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
    packed: Some(&PACKED),
    fours: &[(&PACKED_FOURS, usize::MAX), (&FLOAT_FOURS, MOST_EXACT)],
    texels: WgslKernel {
        name: "linear_q8_texels",
        source: with_epilogue!(
            "linear_q8_texels.wgsl",
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
        SMALL.kernel("linear_q8_tiles_32", tiles_of_bytes!("../tiles/small.wgsl")),
        LARGE.kernel("linear_q8_tiles_64", tiles_of_bytes!("../tiles/large.wgsl")),
    ],
    made: [
        SMALL.quantizing_kernel(
            "linear_q8_made_32",
            tiles_of_made_bytes!("../tiles/small.wgsl"),
        ),
        LARGE.quantizing_kernel(
            "linear_q8_made_64",
            tiles_of_made_bytes!("../tiles/large.wgsl"),
        ),
    ],
    split: byte_rows::split(
        [
            ("linear_q8_share", share_of_bytes!()),
            ("linear_q8_join", join_of_bytes!()),
        ],
        &[Access::Read, Access::Read, Access::ReadWrite],
        &[Operand::Given(0), Operand::Given(1), Operand::Scratch(0)],
    ),
};

/// The weight, as [`KERNEL`] can take it in parts.
#[must_use]
pub fn panel_weight(params: &Params) -> PanelWeight {
    PanelWeight::of_layer(params.outputs, len16x4(1, params.inputs))
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
    ]
}
