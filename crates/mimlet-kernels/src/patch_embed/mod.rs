//! Patch embedding (Dosovitskiy et al. 2021, arXiv 2010.11929, equation 1) on flattened patches, which GPUs
//! find in the image:
//! `out[i] = table[i]` for the prefix tokens, `out[prefix + p] = table[prefix + p] + W patch[p]`.
//!
//! The table holds what does not depend on the image: class token, registers, positions and the
//! projection's bias, added up when the file was made.

#[cfg(feature = "cases")]
pub(crate) mod cases;
mod cpu;
mod reference;

use crate::in_parts::{self, PanelWeight};
use crate::op::{Access, Call, Texel, Variant, WgslKernel};
use crate::panel::len16;
use crate::patchify;
use crate::tiles::{LARGE, SMALL, tiles_of_floats};
use alloc::vec;
use alloc::vec::Vec;

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
    /// Whether a CPU may fuse products with their additions. Where blocks of integers follow, only those
    /// of 16-bit weights with [short](crate::patchify::shorten) patches are, which are exact: all machines
    /// start such blocks from the same bits.
    pub fused: bool,
}

/// Bindings: images `[3, height, width]` each, weight `Panel16 [embed_dim, patch_dim]` as words, table
/// `[prefix + patches, embed_dim]`, out as much for each image. Each invocation computes 4 tokens x 4
/// channels; a workgroup of 8 x 8 computes 32 channels (x) of 32 tokens (y).
pub static KERNEL: WgslKernel = WgslKernel {
    name: "patch_embed",
    source: concat!(
        include_str!("patch_embed.wgsl"),
        include_str!("pixels.wgsl"),
        include_str!("../panels.wgsl"),
        include_str!("../float_block.wgsl"),
    ),
    workgroup_size: [8, 8, 1],
    workgroup_bytes: 0,
    bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
};

/// As [`KERNEL`], for patches and widths in multiples of four: pixels are read, and tokens written, four at a
/// time.
static FOURS: WgslKernel = WgslKernel {
    name: "patch_embed_fours",
    source: concat!(
        include_str!("patch_embed_fours.wgsl"),
        include_str!("pixels.wgsl"),
        include_str!("../fours/block.wgsl"),
        include_str!("../panels.wgsl"),
    ),
    workgroup_size: [8, 8, 1],
    workgroup_bytes: 0,
    bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
};

/// The text of a kernel whose tiles pass through workgroup memory.
macro_rules! tiles {
    ($held:literal, $size:literal) => {
        tiles_of_floats!(
            $held,
            ["patch_embed.wgsl", "pixels.wgsl"],
            $size,
            "../tiles/whole.wgsl"
        )
    };
}

/// As [`KERNEL`], 32 x 32 a workgroup through its memory.
static SMALL_TILES: WgslKernel = SMALL.kernel(
    "patch_embed_tiles_32",
    tiles!("../tiles/held_f32.wgsl", "../tiles/small.wgsl"),
);

/// As [`KERNEL`], 64 x 64 a workgroup through its memory.
static LARGE_TILES: WgslKernel = LARGE.kernel(
    "patch_embed_tiles_64",
    tiles!("../tiles/held_f32.wgsl", "../tiles/large.wgsl"),
);

/// As [`SMALL_TILES`], for 16-bit weights on a GPU that computes in 16-bit floats.
static SMALL_HALF_TILES: WgslKernel = SMALL.half_kernel(
    "patch_embed_half_tiles_32",
    tiles!("../tiles/held_f16.wgsl", "../tiles/small.wgsl"),
);

/// As [`LARGE_TILES`], for 16-bit weights on a GPU that computes in 16-bit floats.
static LARGE_HALF_TILES: WgslKernel = LARGE.half_kernel(
    "patch_embed_half_tiles_64",
    tiles!("../tiles/held_f16.wgsl", "../tiles/large.wgsl"),
);

/// As [`KERNEL`], for patches and widths in multiples of four: image and weight are textures. Each
/// invocation computes 8 tokens x 8 channels; a workgroup of 8 x 2 computes 64 channels (x) of 16 tokens
/// (y).
static TEXELS: WgslKernel = texels("patch_embed_texels", Texel::F32x4);

/// As [`TEXELS`], for 16-bit weights.
static HALF_TEXELS: WgslKernel = texels("patch_embed_half_texels", Texel::F16x4);

const fn texels(name: &'static str, weight: Texel) -> WgslKernel {
    WgslKernel {
        name,
        source: concat!(
            include_str!("patch_embed_texels.wgsl"),
            include_str!("pixels.wgsl"),
            include_str!("../texels/block.wgsl"),
            include_str!("../texels/place.wgsl"),
            include_str!("../texels/floats.wgsl"),
        ),
        workgroup_size: [8, 2, 1],
        workgroup_bytes: 0,
        bindings: crate::op::texel_bindings(weight),
    }
}

/// The weight, as [`KERNEL`] can take it in parts.
#[must_use]
pub fn panel_weight(params: &Params) -> PanelWeight {
    let bytes = if params.half { 2 } else { 4 };
    PanelWeight::of_layer(params.embed_dim, len16(1, params.patch_dim) * bytes)
}

/// The ways to compute `images` images from their pixels, one after the other in images and out; the
/// first with [`KERNEL`].
#[must_use]
pub fn variants(params: &Params, image: &patchify::Params, images: usize) -> Vec<Variant> {
    let tokens = params.prefix + params.patches;
    let rows = tokens * images;
    let shape = [
        ("ROWS", rows as f64),
        ("TOKENS", tokens as f64),
        ("PREFIX", params.prefix as f64),
        ("INPUTS", params.patch_dim as f64),
        ("OUTPUTS", params.embed_dim as f64),
    ];
    let shape = [shape.as_slice(), &patchify::constants(image)].concat();
    let half = ("HALF", f64::from(u8::from(params.half)));
    let all = [shape.as_slice(), &[half]].concat();
    let grid = |channels: usize, rows_down: usize| {
        let across = params.embed_dim.div_ceil(channels) as u32;
        [across, rows.div_ceil(rows_down) as u32, 1]
    };
    let block = Call {
        constants: [all.as_slice(), &in_parts::all(params.embed_dim)].concat(),
        workgroups: grid(32, 32),
    };
    let fours = image.patch.is_multiple_of(4) && params.embed_dim.is_multiple_of(4);
    let mut variants = vec![Variant {
        stands_in: fours,
        ..Variant::single(&KERNEL, block)
    }];
    if fours {
        let call = Call {
            constants: all.clone(),
            workgroups: grid(32, 32),
        };
        variants.push(Variant::single(&FOURS, call));
    }
    variants.push(SMALL.variant(&SMALL_TILES, &all, rows, params.embed_dim));
    variants.push(LARGE.variant(&LARGE_TILES, &all, rows, params.embed_dim));
    if params.half {
        for (tile, kernel) in [(SMALL, &SMALL_HALF_TILES), (LARGE, &LARGE_HALF_TILES)] {
            variants.push(tile.variant(kernel, &all, rows, params.embed_dim));
        }
    }
    if fours {
        let kernel = if params.half { &HALF_TEXELS } else { &TEXELS };
        let call = Call {
            constants: shape,
            workgroups: grid(64, 16),
        };
        variants.push(Variant::single(kernel, call));
    }
    variants
}
