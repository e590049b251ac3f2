//! Residual connection (He et al. 2016, arXiv 1512.03385): `x += branch`.

#[cfg(feature = "cases")]
pub(crate) mod cases;
mod cpu;
mod reference;

use crate::op::{Access, Call, WgslKernel};
use alloc::vec;

pub use cpu::cpu;
pub use reference::reference;

/// Bindings: branch `[len]`, x `[len]`, added to. One invocation a value, in rows of 65,535
/// workgroups.
pub static KERNEL: WgslKernel = WgslKernel {
    name: "residual",
    source: include_str!("residual.wgsl"),
    workgroup_size: [64, 1, 1],
    workgroup_bytes: 0,
    bindings: &[Access::Read, Access::ReadWrite],
};

/// The dispatch over `len` values.
#[must_use]
pub fn call(len: usize) -> Call {
    Call {
        constants: vec![("LEN", len as f64)],
        workgroups: crate::op::elementwise(len),
    }
}
