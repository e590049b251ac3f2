//! Float layers to stored layers: f32, f16, or bytes calibrated on what goes into them.

mod block;
mod fold;
mod int4;
mod int8;
mod measure;
mod migrate;

pub(crate) use block::{patch_embedding, quantize_block};
pub(crate) use measure::fidelity;
