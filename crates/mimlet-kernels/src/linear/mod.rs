//! Linear layer with float weights: `y = x W^T + b`, accumulated in f32 over the inputs in order.

#[cfg(feature = "cases")]
pub(crate) mod cases;
mod cpu;
mod reference;

use crate::op::{Access, Call, WgslKernel};
use alloc::vec;

pub(crate) use cpu::each_panel;
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
    source: include_str!("linear.wgsl"),
    workgroup_size: [8, 8, 1],
    workgroup_bytes: 0,
    bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
};

/// The dispatch over `rows` rows.
#[must_use]
pub fn call(params: &Params, rows: u32) -> Call {
    Call {
        constants: vec![
            ("ROWS", f64::from(rows)),
            ("INPUTS", params.inputs as f64),
            ("OUTPUTS", params.outputs as f64),
            ("HALF", f64::from(u8::from(params.half))),
        ],
        workgroups: [params.outputs.div_ceil(32) as u32, rows.div_ceil(32), 1],
    }
}
