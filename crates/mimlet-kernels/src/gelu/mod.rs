//! GELU with the exact error function (Hendrycks and Gimpel 2016, arXiv 1606.08415):
//! `x * (1 + erf(x / sqrt 2)) / 2`, in place.

#[cfg(feature = "cases")]
pub(crate) mod cases;
mod cpu;
mod reference;

use crate::op::{Access, Call, WgslKernel};
use alloc::vec;

pub use cpu::cpu;
pub use reference::reference;

/// Bindings: x `[len]`, overwritten. One invocation a value, in rows of 65,535 workgroups.
pub static KERNEL: WgslKernel = WgslKernel {
    name: "gelu",
    source: concat!(include_str!("gelu.wgsl"), include_str!("function.wgsl")),
    workgroup_size: [64, 1, 1],
    workgroup_bytes: 0,
    bindings: &[Access::ReadWrite],
};

/// The dispatch over `len` values.
#[must_use]
pub fn call(len: usize) -> Call {
    Call {
        constants: vec![("LEN", len as f64)],
        workgroups: crate::op::elementwise(len),
    }
}
