//! Linear layer with float weights: `y = x W^T + b`, accumulated in f32 over the inputs in order.
//!
//! Some of a GPU's variants for 16-bit weights [round](Variant::halves_rows) their inputs to 16-bit floats.
//! Who offers them knows that no input is too large for that; by how much it changes outputs,
//! [`half_rows_slack`] bounds.

#[cfg(feature = "cases")]
pub(crate) mod cases;
mod cpu;
mod matrices;
mod reference;

use crate::epilogue::{Epilogue, with_epilogue};
use crate::in_parts::{self, PanelWeight};
use crate::op::{Access, Call, Operand, Texel, Variant, WgslKernel};
use crate::panel::{Panels, len16};
use crate::simd::Level;
use crate::tiles::{LARGE, Layer, SMALL, Split, joining, tiles_of_floats};
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
    source: with_epilogue!(
        "linear.wgsl",
        "ends.wgsl",
        "outputs.wgsl",
        "../store.wgsl",
        "../panels.wgsl",
        "../float_block.wgsl"
    ),
    workgroup_size: [8, 8, 1],
    workgroup_bytes: 0,
    bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
};

/// As [`KERNEL`], for inputs and outputs in multiples of four, which are read and written four at a time.
static FOURS: WgslKernel = WgslKernel {
    name: "linear_fours",
    source: with_epilogue!("linear_fours.wgsl", "../fours/block.wgsl", "../panels.wgsl"),
    workgroup_size: [8, 8, 1],
    workgroup_bytes: 0,
    bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
};

/// The text of a kernel whose tiles pass through workgroup memory.
macro_rules! tiles {
    ($held:literal, $size:literal) => {
        concat!(
            tiles_of_floats!(
                $held,
                ["linear.wgsl", "ends.wgsl", "outputs.wgsl", "../store.wgsl"],
                $size,
                "../tiles/whole.wgsl"
            ),
            with_epilogue!()
        )
    };
}

/// As [`KERNEL`], 32 x 32 a workgroup through its memory.
static SMALL_TILES: WgslKernel = SMALL.kernel(
    "linear_tiles_32",
    tiles!("../tiles/held_f32.wgsl", "../tiles/small.wgsl"),
);

/// As [`KERNEL`], 64 x 64 a workgroup through its memory.
static LARGE_TILES: WgslKernel = LARGE.kernel(
    "linear_tiles_64",
    tiles!("../tiles/held_f32.wgsl", "../tiles/large.wgsl"),
);

/// As [`SMALL_TILES`], for 16-bit weights on a GPU that computes in 16-bit floats.
static SMALL_HALF_TILES: WgslKernel = SMALL.half_kernel(
    "linear_half_tiles_32",
    tiles!("../tiles/held_f16.wgsl", "../tiles/small.wgsl"),
);

/// As [`LARGE_TILES`], for 16-bit weights on a GPU that computes in 16-bit floats.
static LARGE_HALF_TILES: WgslKernel = LARGE.half_kernel(
    "linear_half_tiles_64",
    tiles!("../tiles/held_f16.wgsl", "../tiles/large.wgsl"),
);

/// As [`SMALL_HALF_TILES`], with rows rounded to 16-bit floats.
static SMALL_HALF_ROWS: WgslKernel = SMALL.half_rows_kernel(
    "linear_half_rows_32",
    tiles!("../tiles/half_rows.wgsl", "../tiles/small.wgsl"),
);

/// As [`LARGE_HALF_TILES`], with rows rounded to 16-bit floats.
static LARGE_HALF_ROWS: WgslKernel = LARGE.half_rows_kernel(
    "linear_half_rows_64",
    tiles!("../tiles/half_rows.wgsl", "../tiles/large.wgsl"),
);

/// As [`SMALL_TILES`], each workgroup for a share of the inputs.
static SPLIT: Split = Split {
    share: SMALL.share_kernel(
        "linear_share",
        tiles_of_floats!(
            "../tiles/held_f32.wgsl",
            ["linear.wgsl", "share.wgsl"],
            "../tiles/small.wgsl",
            "../tiles/share.wgsl"
        ),
        &[Access::Read, Access::Read, Access::ReadWrite],
    ),
    share_operands: &[Operand::Given(0), Operand::Given(1), Operand::Scratch(0)],
    join: joining(
        "linear_join",
        with_epilogue!(
            "join.wgsl",
            "outputs.wgsl",
            "../store.wgsl",
            "../tiles/join.wgsl"
        ),
        &[Access::Read, Access::Read, Access::ReadWrite],
    ),
    join_operands: &[Operand::Scratch(0), Operand::Given(2), Operand::Given(3)],
    turn: 16,
};

/// As [`KERNEL`], for inputs and outputs in multiples of four: x and weight are textures. Each
/// invocation computes 8 rows x 8 outputs; a workgroup of 8 x 2 computes 64 outputs (x) of 16 rows
/// (y).
static TEXELS: WgslKernel = texels("linear_texels", Texel::F32x4);

/// As [`TEXELS`], for 16-bit weights.
static HALF_TEXELS: WgslKernel = texels("linear_half_texels", Texel::F16x4);

const fn texels(name: &'static str, weight: Texel) -> WgslKernel {
    WgslKernel {
        name,
        source: with_epilogue!(
            "linear_texels.wgsl",
            "../texels/block.wgsl",
            "../texels/place.wgsl",
            "../texels/floats.wgsl"
        ),
        workgroup_size: [8, 2, 1],
        workgroup_bytes: 0,
        bindings: crate::op::texel_bindings(weight),
    }
}

/// Of an input that a variant rounds to a 16-bit float: WGSL lets that go to either neighbour, which is
/// `2^-10` of the input away at most, and lets what is below the smallest normal number, `2^-14`, be zero.
const ROUNDED: f32 = 1.0 / 1024.0;
const LOST: f32 = 1.0 / 16384.0;

/// By how much outputs `[rows, outputs]` of 16-bit weights may change where a variant
/// [rounds](Variant::halves_rows) its inputs `x [rows, inputs]`, none beyond the range of 16-bit floats:
/// `sum_k (2^-10 |x_k| + 2^-14) |w_k|`, and after GELU, which is nowhere steeper than 1.13, as many times
/// that.
#[must_use]
pub fn half_rows_slack(params: &Params, x: &[f32], weight: &[u16], epilogue: Epilogue) -> Vec<f32> {
    let steepest = match epilogue {
        Epilogue::Gelu => 1.13,
        Epilogue::Store | Epilogue::Add => 1.0,
    };
    let changes = x.iter().map(|x| (x.abs() * ROUNDED + LOST) * steepest);
    let changes: Vec<f32> = changes.collect();
    let magnitudes: Vec<u16> = weight.iter().map(|bits| bits & 0x7fff).collect();
    let mut slack = vec![0.0; x.len() / params.inputs * params.outputs];
    cpu(
        Level::detect(),
        params,
        &changes,
        Panels::F16(&magnitudes),
        &vec![0.0; params.outputs],
        Epilogue::Store,
        &mut vec![0.0; scratch_len(params)],
        &mut slack,
    );
    slack
}

/// The weight, as [`KERNEL`] can take it in parts.
#[must_use]
pub fn panel_weight(params: &Params) -> PanelWeight {
    let bytes = if params.half { 2 } else { 4 };
    PanelWeight::of_layer(params.outputs, len16(1, params.inputs) * bytes)
}

/// The ways to compute `rows` rows, the first with [`KERNEL`].
#[must_use]
pub fn variants(params: &Params, rows: u32, epilogue: Epilogue) -> Vec<Variant> {
    let row_count = ("ROWS", f64::from(rows));
    let input_count = ("INPUTS", params.inputs as f64);
    let output_count = ("OUTPUTS", params.outputs as f64);
    let shape = vec![row_count, input_count, output_count, epilogue.constant()];
    let half = ("HALF", f64::from(u8::from(params.half)));
    let all = [shape.as_slice(), &[half]].concat();
    let outputs = params.outputs;
    let block = Call {
        constants: [all.as_slice(), &in_parts::all(outputs)].concat(),
        workgroups: [outputs.div_ceil(32) as u32, rows.div_ceil(32), 1],
    };
    let workgroups = block.workgroups;
    let fours = params.inputs.is_multiple_of(4) && outputs.is_multiple_of(4);
    let mut variants = vec![Variant {
        stands_in: fours,
        ..Variant::single(&KERNEL, block)
    }];
    if fours {
        let call = Call {
            constants: all.clone(),
            workgroups,
        };
        variants.push(Variant::single(&FOURS, call));
    }
    variants.push(SMALL.variant(&SMALL_TILES, &all, rows as usize, outputs));
    variants.push(LARGE.variant(&LARGE_TILES, &all, rows as usize, outputs));
    if params.half {
        for (tile, kernel) in [
            (SMALL, &SMALL_HALF_TILES),
            (LARGE, &LARGE_HALF_TILES),
            (SMALL, &SMALL_HALF_ROWS),
            (LARGE, &LARGE_HALF_ROWS),
        ] {
            variants.push(tile.variant(kernel, &all, rows as usize, outputs));
        }
    }
    if fours {
        let kernel = if params.half { &HALF_TEXELS } else { &TEXELS };
        let call = Call {
            constants: shape,
            workgroups: [outputs.div_ceil(64) as u32, rows.div_ceil(16), 1],
        };
        variants.push(Variant::single(kernel, call));
    }
    variants.extend(SPLIT.variant(&Layer {
        rows: rows as usize,
        inputs: params.inputs,
        outputs,
        share_constants: &[row_count, input_count, output_count, half],
        join_constants: &[row_count, output_count, epilogue.constant()],
    }));
    variants.extend(matrices::variants(params, &all, rows as usize));
    variants
}
