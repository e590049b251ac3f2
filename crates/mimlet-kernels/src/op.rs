//! What every op shows the rest of the house: its GPU kernel and its examples.

use alloc::vec::Vec;

/// One op of an encoder. An entry in [`crate::OPS`] enrols it in the parity tests, the WGSL
/// validation and the benches.
#[derive(Debug, Clone, Copy)]
pub struct Op {
    /// The op's folder.
    pub name: &'static str,
    /// Its GPU version.
    pub kernel: &'static WgslKernel,
    /// Inputs with the outputs that each version must give.
    #[cfg(feature = "cases")]
    pub cases: fn() -> Vec<crate::case::Case>,
}

/// A compute shader in plain WGSL. Sizes are `override` constants; every binding is a storage
/// buffer in group 0, numbered in order.
#[derive(Debug)]
pub struct WgslKernel {
    /// The op's name, for labels and errors.
    pub name: &'static str,
    /// The whole module; its entry point is `main`.
    pub source: &'static str,
    /// Invocations of one workgroup, as the source declares them.
    pub workgroup_size: [u32; 3],
    /// Bytes of workgroup memory the source declares.
    pub workgroup_bytes: u32,
    /// How the source declares each binding.
    pub bindings: &'static [Access],
}

/// How a kernel uses a storage buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// `var<storage, read>`.
    Read,
    /// `var<storage, read_write>`.
    ReadWrite,
}

/// One dispatch of a kernel: the values of its `override` constants and its grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Values of the `override` constants.
    pub constants: Vec<(&'static str, f64)>,
    /// Workgroups along x, y and z.
    pub workgroups: [u32; 3],
}

/// The grid of an elementwise kernel of 64 invocations a workgroup: rows of at most 65,535.
pub(crate) fn elementwise(len: usize) -> [u32; 3] {
    let groups = len.div_ceil(64) as u32;
    let columns = groups.clamp(1, 65_535);
    [columns, groups.div_ceil(columns).max(1), 1]
}
