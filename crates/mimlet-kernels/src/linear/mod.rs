//! Linear layer with float weights: `y = x W^T + b`, accumulated in f32 over the inputs in order.

#[cfg(feature = "cases")]
pub(crate) mod cases;
mod cpu;
mod reference;

use crate::epilogue::Epilogue;
use crate::op::{Access, Call, Texel, Variant, WgslKernel};
use crate::tiles::{LARGE, SMALL};
use alloc::vec;
use alloc::vec::Vec;

pub(crate) use cpu::{WIDENED, each_panel};
pub use cpu::{cpu, scratch_len};
pub use reference::reference;

/// Shape of a linear layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    /// Values in an input row.
    pub inputs: usize,
    /// Values in an output row.
    pub outputs: usize,
    /// Whether the weights are 16-bit floats.
    pub half: bool,
}

/// Bindings: x `[rows, inputs]`, weight `Panel16 [outputs, inputs]` as words, bias `[outputs]`, y
/// `[rows, outputs]`. Each invocation computes 4 rows x 4 outputs; a workgroup of 8 x 8 computes 32
/// outputs (x) of 32 rows (y).
pub static KERNEL: WgslKernel = WgslKernel {
    name: "linear",
    source: concat!(
        include_str!("linear.wgsl"),
        include_str!("../panels.wgsl"),
        include_str!("../float_block.wgsl"),
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
    "linear_tiles_32",
    concat!(
        include_str!("linear.wgsl"),
        include_str!("../panels.wgsl"),
        include_str!("../tiles/held_f32.wgsl"),
        include_str!("../tiles/small.wgsl"),
        include_str!("../tiles/shape.wgsl"),
        include_str!("../tiles/floats.wgsl"),
        include_str!("../texels/floats.wgsl"),
        include_str!("../epilogue.wgsl"),
        include_str!("../shorten.wgsl"),
        include_str!("../gelu/function.wgsl"),
    ),
);

/// As [`KERNEL`], 64 x 64 a workgroup through its memory.
static LARGE_TILES: WgslKernel = LARGE.kernel(
    "linear_tiles_64",
    concat!(
        include_str!("linear.wgsl"),
        include_str!("../panels.wgsl"),
        include_str!("../tiles/held_f32.wgsl"),
        include_str!("../tiles/large.wgsl"),
        include_str!("../tiles/shape.wgsl"),
        include_str!("../tiles/floats.wgsl"),
        include_str!("../texels/floats.wgsl"),
        include_str!("../epilogue.wgsl"),
        include_str!("../shorten.wgsl"),
        include_str!("../gelu/function.wgsl"),
    ),
);

/// As [`SMALL_TILES`], for 16-bit weights on a GPU that computes in 16-bit floats.
static SMALL_HALF_TILES: WgslKernel = SMALL.half_kernel(
    "linear_half_tiles_32",
    concat!(
        include_str!("../tiles/held_f16.wgsl"),
        include_str!("linear.wgsl"),
        include_str!("../panels.wgsl"),
        include_str!("../tiles/small.wgsl"),
        include_str!("../tiles/shape.wgsl"),
        include_str!("../tiles/floats.wgsl"),
        include_str!("../texels/floats.wgsl"),
        include_str!("../epilogue.wgsl"),
        include_str!("../shorten.wgsl"),
        include_str!("../gelu/function.wgsl"),
    ),
);

/// As [`LARGE_TILES`], for 16-bit weights on a GPU that computes in 16-bit floats.
static LARGE_HALF_TILES: WgslKernel = LARGE.half_kernel(
    "linear_half_tiles_64",
    concat!(
        include_str!("../tiles/held_f16.wgsl"),
        include_str!("linear.wgsl"),
        include_str!("../panels.wgsl"),
        include_str!("../tiles/large.wgsl"),
        include_str!("../tiles/shape.wgsl"),
        include_str!("../tiles/floats.wgsl"),
        include_str!("../texels/floats.wgsl"),
        include_str!("../epilogue.wgsl"),
        include_str!("../shorten.wgsl"),
        include_str!("../gelu/function.wgsl"),
    ),
);

/// As [`KERNEL`], for inputs and outputs in multiples of four: x and weight are textures. Each
/// invocation computes 8 rows x 8 outputs; a workgroup of 8 x 2 computes 64 outputs (x) of 16 rows
/// (y).
static TEXELS: WgslKernel = texels("linear_texels", Texel::F32x4);

/// As [`TEXELS`], for 16-bit weights.
static HALF_TEXELS: WgslKernel = texels("linear_half_texels", Texel::F16x4);

const fn texels(name: &'static str, weight: Texel) -> WgslKernel {
    WgslKernel {
        name,
        source: concat!(
            include_str!("linear_texels.wgsl"),
            include_str!("../texels/block.wgsl"),
            include_str!("../texels/place.wgsl"),
            include_str!("../texels/floats.wgsl"),
            include_str!("../epilogue.wgsl"),
            include_str!("../shorten.wgsl"),
            include_str!("../gelu/function.wgsl"),
        ),
        workgroup_size: [8, 2, 1],
        workgroup_bytes: 0,
        bindings: crate::op::texel_bindings(weight),
    }
}

/// The ways to compute `rows` rows, the first with [`KERNEL`].
#[must_use]
pub fn variants(params: &Params, rows: u32, epilogue: Epilogue) -> Vec<Variant> {
    let shape = vec![
        ("ROWS", f64::from(rows)),
        ("INPUTS", params.inputs as f64),
        ("OUTPUTS", params.outputs as f64),
        epilogue.constant(),
    ];
    let half = ("HALF", f64::from(u8::from(params.half)));
    let all = [shape.as_slice(), &[half]].concat();
    let outputs = params.outputs;
    let block = Call {
        constants: all.clone(),
        workgroups: [outputs.div_ceil(32) as u32, rows.div_ceil(32), 1],
    };
    let mut variants = vec![
        Variant::single(&KERNEL, block),
        SMALL.variant(&SMALL_TILES, &all, rows as usize, outputs),
        LARGE.variant(&LARGE_TILES, &all, rows as usize, outputs),
    ];
    if params.half {
        for (tile, kernel) in [(SMALL, &SMALL_HALF_TILES), (LARGE, &LARGE_HALF_TILES)] {
            variants.push(tile.variant(kernel, &all, rows as usize, outputs));
        }
    }
    if params.inputs.is_multiple_of(4) && outputs.is_multiple_of(4) {
        let kernel = if params.half { &HALF_TEXELS } else { &TEXELS };
        let call = Call {
            constants: shape,
            workgroups: [outputs.div_ceil(64) as u32, rows.div_ceil(16), 1],
        };
        variants.push(Variant::single(kernel, call));
    }
    variants
}
