//! The arithmetic of a ViT encoder: one folder per op, each with an oracle (`reference.rs`), a CPU
//! version (`cpu.rs`), a WGSL version (`op.wgsl`) and the examples all three must agree on
//! (`cases.rs`).
//!
//! CPU versions take rows, so that a caller can share rows out among threads; they neither allocate
//! nor fail. Slices of other lengths than the documented shapes panic: a plan's shapes are checked
//! before its first run.
#![warn(clippy::unwrap_used)]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod byte_rows;
mod epilogue;
mod in_parts;
mod lanes;
mod math;
mod op;
mod tiles;

pub mod attention;
#[cfg(feature = "cases")]
pub mod case;
pub mod gelu;
pub mod halves;
pub mod layer_norm;
pub mod linear;
pub mod linear_q4;
pub mod linear_q8;
pub mod nearest_centroid;
pub mod normalize;
pub mod panel;
pub mod patch_embed;
pub mod patchify;
pub mod quantize_rows;
pub mod resample;
pub mod residual;
pub mod simd;

pub use epilogue::Epilogue;
pub use in_parts::PanelWeight;
pub use math::f16_to_f32;
pub use op::{
    Access, Call, Dispatch, Op, Operand, Part, TEXELS_ACROSS, Texel, Variant, WgslKernel,
};
pub use simd::{Level, UnknownLevel};
pub use tiles::Matrices;

/// Lists ops by the name of their module, so that nothing about an op is written twice.
macro_rules! ops {
    ($($op:ident),* $(,)?) => {
        &[$(Op {
            name: stringify!($op),
            kernel: &$op::KERNEL,
            #[cfg(feature = "cases")]
            cases: $op::cases::cases,
        }),*]
    };
}

/// Every op of an encoder, in the order a plan first uses them.
pub static OPS: &[Op] = ops![
    patchify,
    patch_embed,
    layer_norm,
    quantize_rows,
    linear,
    linear_q8,
    linear_q4,
    attention,
    gelu,
    residual,
    nearest_centroid,
];
