//! SIMD levels: which instructions the CPU versions are compiled for and run with.
//!
//! Kernels are plain loops over arrays; `Level::vectorize` compiles them once per level. No level
//! fuses a multiply with an add, and sums keep one order, so every level gives the same bits.
#![allow(
    unsafe_code,
    reason = "calling code compiled for instructions found at run time"
)]

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
mod x86_64_q4;

mod level;
mod q4;
mod q8;

pub use level::Level;
pub(crate) use q4::{CHUNK, Q4Chunk, q4_rows, q4_weight_sums};
pub(crate) use q8::{Q8Rows, q8_rows, q8_weight_sums};
