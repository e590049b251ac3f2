//! Patch embedding (Dosovitskiy et al. 2021, arXiv 2010.11929, equation 1) on flattened patches:
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
}

/// The text of a kernel, by where it finds patches.
macro_rules! block {
    ($patches:literal) => {
        concat!(
            include_str!("patch_embed.wgsl"),
            include_str!($patches),
            include_str!("../panels.wgsl"),
            include_str!("../float_block.wgsl"),
        )
    };
}

/// The kernels of a name, by where they find patches. Of the tiles, 32 x 32 and 64 x 64 values a workgroup
/// pass through its memory; half tiles are for 16-bit weights on a GPU that computes in 16-bit floats.
/// Textures are for widths in multiples of four, of 32-bit and of 16-bit weights: each invocation computes
/// 8 tokens x 8 channels, a workgroup of 8 x 2 64 channels (x) of 16 tokens (y).
macro_rules! kernels {
    ($block:path, $name:literal, $patches:literal) => {
        Kernels {
            block: &$block,
            tiles: [
                SMALL.kernel(
                    concat!($name, "_tiles_32"),
                    tiles!("../tiles/held_f32.wgsl", $patches, "../tiles/small.wgsl"),
                ),
                LARGE.kernel(
                    concat!($name, "_tiles_64"),
                    tiles!("../tiles/held_f32.wgsl", $patches, "../tiles/large.wgsl"),
                ),
            ],
            half_tiles: [
                SMALL.half_kernel(
                    concat!($name, "_half_tiles_32"),
                    tiles!("../tiles/held_f16.wgsl", $patches, "../tiles/small.wgsl"),
                ),
                LARGE.half_kernel(
                    concat!($name, "_half_tiles_64"),
                    tiles!("../tiles/held_f16.wgsl", $patches, "../tiles/large.wgsl"),
                ),
            ],
            texels: texels!(concat!($name, "_texels"), $patches, Texel::F32x4),
            half_texels: texels!(concat!($name, "_half_texels"), $patches, Texel::F16x4),
        }
    };
}

macro_rules! tiles {
    ($held:literal, $patches:literal, $size:literal) => {
        tiles_of_floats!(
            $held,
            ["patch_embed.wgsl", $patches],
            $size,
            "../tiles/whole.wgsl"
        )
    };
}

macro_rules! texels {
    ($name:expr, $patches:literal, $weight:expr) => {
        WgslKernel {
            name: $name,
            source: concat!(
                include_str!("patch_embed_texels.wgsl"),
                include_str!($patches),
                include_str!("../texels/block.wgsl"),
                include_str!("../texels/place.wgsl"),
                include_str!("../texels/floats.wgsl"),
            ),
            workgroup_size: [8, 2, 1],
            workgroup_bytes: 0,
            bindings: crate::op::texel_bindings($weight),
        }
    };
}

/// Bindings: patches `[patches, patch_dim]`, weight `Panel16 [embed_dim, patch_dim]` as words, table
/// `[prefix + patches, embed_dim]`, out as table. Each invocation computes 4 tokens x 4 channels; a
/// workgroup of 8 x 8 computes 32 channels (x) of 32 tokens (y).
pub static KERNEL: WgslKernel = of_blocks("patch_embed", block!("patches.wgsl"));

/// As [`KERNEL`], with an image `[3, height, width]` for the patches.
static OF_IMAGE: WgslKernel = of_blocks("patch_stem", block!("pixels.wgsl"));

const fn of_blocks(name: &'static str, source: &'static str) -> WgslKernel {
    WgslKernel {
        name,
        source,
        workgroup_size: [8, 8, 1],
        workgroup_bytes: 0,
        bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
    }
}

static KERNELS: Kernels = kernels!(KERNEL, "patch_embed", "patches.wgsl");
static KERNELS_OF_IMAGE: Kernels = kernels!(OF_IMAGE, "patch_stem", "pixels.wgsl");

/// What finds patches in one way.
struct Kernels {
    block: &'static WgslKernel,
    tiles: [WgslKernel; 2],
    half_tiles: [WgslKernel; 2],
    texels: WgslKernel,
    half_texels: WgslKernel,
}

/// The weight, as [`KERNEL`] can take it in parts.
#[must_use]
pub fn panel_weight(params: &Params) -> PanelWeight {
    let bytes = if params.half { 2 } else { 4 };
    PanelWeight::of_layer(params.embed_dim, len16(1, params.patch_dim) * bytes)
}

/// The ways to compute one image, the first with [`KERNEL`].
#[must_use]
pub fn variants(params: &Params) -> Vec<Variant> {
    KERNELS.variants(params, &[], params.patch_dim.is_multiple_of(4))
}

/// The ways to compute one image from its pixels, the first operand, as [`crate::patchify`] would cut
/// patches out of them.
#[must_use]
pub fn variants_of_image(params: &Params, image: &patchify::Params) -> Vec<Variant> {
    let constants = patchify::constants(image);
    KERNELS_OF_IMAGE.variants(params, &constants, image.patch.is_multiple_of(4))
}

impl Kernels {
    /// With constants that say where patches are; as textures where inputs lie by fours.
    fn variants(
        &'static self,
        params: &Params,
        patches: &[(&'static str, f64)],
        by_fours: bool,
    ) -> Vec<Variant> {
        let tokens = params.prefix + params.patches;
        let shape = [
            ("ROWS", tokens as f64),
            ("PREFIX", params.prefix as f64),
            ("INPUTS", params.patch_dim as f64),
            ("OUTPUTS", params.embed_dim as f64),
        ];
        let shape = [&shape, patches].concat();
        let half = ("HALF", f64::from(u8::from(params.half)));
        let all = [shape.as_slice(), &[half]].concat();
        let grid = |channels: usize, rows: usize| {
            let across = params.embed_dim.div_ceil(channels) as u32;
            [across, tokens.div_ceil(rows) as u32, 1]
        };
        let block = Call {
            constants: [all.as_slice(), &in_parts::all(params.embed_dim)].concat(),
            workgroups: grid(32, 32),
        };
        let mut variants = vec![Variant::single(self.block, block)];
        let tiles = self.tiles.iter();
        let half_tiles = self.half_tiles.iter().filter(|_| params.half);
        for (kernel, size) in tiles.chain(half_tiles).zip([SMALL, LARGE, SMALL, LARGE]) {
            variants.push(size.variant(kernel, &all, tokens, params.embed_dim));
        }
        if by_fours && params.embed_dim.is_multiple_of(4) {
            let kernel = if params.half {
                &self.half_texels
            } else {
                &self.texels
            };
            let call = Call {
                constants: shape,
                workgroups: grid(64, 16),
            };
            variants.push(Variant::single(kernel, call));
        }
        variants
    }
}
