//! Cuts an image into patches: row `p` holds patch `p` (row by row over the grid), flattened
//! (channel, row, column) as a convolution's weights are.

#[cfg(feature = "cases")]
pub(crate) mod cases;
mod cpu;
mod reference;

use crate::op::{Access, Call, WgslKernel};

pub use cpu::{Values, cpu, from_pixels, shorten};
pub use reference::reference;

/// Shape of the image and its patches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    /// Image height, pixels; a multiple of the patch size.
    pub height: usize,
    /// Image width, pixels; a multiple of the patch size.
    pub width: usize,
    /// Side of a patch, pixels.
    pub patch: usize,
}

impl Params {
    /// Patches in the image.
    #[must_use]
    pub fn patches(&self) -> usize {
        (self.height / self.patch) * (self.width / self.patch)
    }

    /// Values in a patch.
    #[must_use]
    pub fn patch_dim(&self) -> usize {
        3 * self.patch * self.patch
    }
}

/// Bindings: images `[3, height, width]` each, patches `[patches, patch_dim]` of each. One invocation a
/// value along x, one patch along y, one image along z.
pub static KERNEL: WgslKernel = WgslKernel {
    name: "patchify",
    source: include_str!("patchify.wgsl"),
    workgroup_size: [64, 1, 1],
    workgroup_bytes: 0,
    bindings: &[Access::Read, Access::ReadWrite],
};

/// What a kernel must know of an image to find its patches.
pub(crate) fn constants(params: &Params) -> [(&'static str, f64); 3] {
    [
        ("HEIGHT", params.height as f64),
        ("WIDTH", params.width as f64),
        ("PATCH", params.patch as f64),
    ]
}

/// The dispatch over `images` images.
#[must_use]
pub fn call(params: &Params, images: usize) -> Call {
    Call {
        constants: constants(params).into(),
        workgroups: [
            params.patch_dim().div_ceil(64) as u32,
            params.patches() as u32,
            images as u32,
        ],
    }
}
