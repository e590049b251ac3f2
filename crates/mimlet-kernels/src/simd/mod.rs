//! SIMD levels: which instructions the CPU versions are compiled for and run with.
//!
//! Plain loops over arrays are compiled once per level by `Level::vectorize`. Products, where the
//! time goes, are tiles of registers: `float_tile`, `pair_tile`, `quad_tile` and `nibble_tile` say in
//! which order things are multiplied and added, once for all machines; an architecture's folder has a
//! file per instruction set, which says what one such step is there. An architecture's folder is for
//! targets that pass floats in vector registers: for x86-64 without them, as bare machines may be, a
//! compiler cannot make anything of vectors.
#![allow(
    unsafe_code,
    reason = "instructions found at run time, and loads that a tile's loops keep in bounds"
)]

mod float_tile;
mod lanes16;
mod level;
mod machine;
mod nibble_tile;
mod pair_tile;
mod portable;
mod products;
#[allow(dead_code, reason = "not every architecture has dot products of bytes")]
mod quad_tile;
#[cfg(all(test, feature = "cases"))]
mod tests;
mod tile;

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod aarch64;
#[cfg(arm_dsp)]
mod arm;
#[cfg(not(any(
    all(target_arch = "aarch64", target_feature = "neon"),
    arm_dsp,
    all(target_arch = "x86_64", target_feature = "sse2"),
    all(target_arch = "wasm32", target_feature = "simd128")
)))]
mod other;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm32;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod x86_64;

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
use aarch64::Kind;
#[cfg(arm_dsp)]
use arm::Kind;
#[cfg(not(any(
    all(target_arch = "aarch64", target_feature = "neon"),
    arm_dsp,
    all(target_arch = "x86_64", target_feature = "sse2"),
    all(target_arch = "wasm32", target_feature = "simd128")
)))]
use other::Kind;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use wasm32::Kind;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use x86_64::Kind;

pub(crate) use float_tile::{FloatPanels, Rows};
pub(crate) use lanes16::{FloatSink, Floats16, IntegerSink, Integers16, Place};
pub use level::{Level, UnknownLevel};
pub(crate) use machine::Bytes;
pub(crate) use nibble_tile::{GroupOffsets, NIBBLE_OFFSET, NibblePanel};
pub(crate) use pair_tile::{PairPanels, PairRows};
pub(crate) use products::{
    arrange_pair_panels, arrange_pair_rows, byte_products, float_products, nibble_products,
    pair_products, widen_halves, widen_quads,
};
pub(crate) use quad_tile::{ByteRows, UNSIGNED, interleaved};
