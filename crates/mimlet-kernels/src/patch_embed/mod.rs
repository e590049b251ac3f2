//! Patch embedding (Dosovitskiy et al. 2021, arXiv 2010.11929, equation 1) on flattened patches:
//! `out[i] = table[i]` for the prefix tokens, `out[prefix + p] = table[prefix + p] + W patch[p]`.
//!
//! The table holds what does not depend on the image: class token, registers, positions and the
//! projection's bias, added up when the file was made.

#[cfg(feature = "cases")]
pub(crate) mod cases;
mod cpu;
mod reference;

use crate::op::{Access, Call, WgslKernel};
use alloc::vec;

pub use cpu::{cpu, scratch_len};
pub use reference::reference;

/// Shape of a patch embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    /// Tokens before the first patch.
    pub prefix: usize,
    /// Patches per image.
    pub patches: usize,
    /// Values in a patch.
    pub patch_dim: usize,
    /// Width of the residual stream.
    pub embed_dim: usize,
    /// Whether the weights are 16-bit floats.
    pub half: bool,
}

/// Bindings: patches `[patches, patch_dim]`, weight `Panel16 [embed_dim, patch_dim]` as words, table
/// `[prefix + patches, embed_dim]`, out as table. Each invocation computes 4 tokens x 4 channels; a
/// workgroup of 8 x 8 computes 32 channels (x) of 32 tokens (y).
pub static KERNEL: WgslKernel = WgslKernel {
    name: "patch_embed",
    source: include_str!("patch_embed.wgsl"),
    workgroup_size: [8, 8, 1],
    workgroup_bytes: 0,
    bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
};

/// The dispatch over one image.
#[must_use]
pub fn call(params: &Params) -> Call {
    let tokens = params.prefix + params.patches;
    Call {
        constants: vec![
            ("PREFIX", params.prefix as f64),
            ("PATCHES", params.patches as f64),
            ("PATCH_DIM", params.patch_dim as f64),
            ("EMBED_DIM", params.embed_dim as f64),
            ("HALF", f64::from(u8::from(params.half))),
        ],
        workgroups: [
            params.embed_dim.div_ceil(32) as u32,
            tokens.div_ceil(32) as u32,
            1,
        ],
    }
}
