//! Float layers to stored layers: f32, f16, or integers calibrated on what goes into them.

mod block;
mod expected;
mod factor;
mod feedback;
mod fold;
mod inputs;
mod int4;
mod int8;
mod layer;
mod measure;
mod migrate;
mod rows;

pub(crate) use block::{QuantizedBlock, Variant, patch_embedding, quantize_block};
pub(crate) use int8::bytes_of_rows;
pub(crate) use measure::fidelity;
pub(crate) use rows::rounded_rows;

/// How a linear layer's weight is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// Bytes, one scale per output.
    Int8,
    /// 4-bit integers, one scale per output and group of so many inputs.
    Int4(u32),
}
