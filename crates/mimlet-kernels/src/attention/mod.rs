//! Multi-head self-attention (Vaswani et al. 2017, arXiv 1706.03762, equation 1):
//! `softmax(q k^T / sqrt(head_dim)) v` for each head, all tokens seeing all tokens.
//!
//! Between layers of integers the CPU multiplies whole numbers, whose sums are exact: every machine gives
//! the same bits. A GPU multiplies floats.
//!
//! The CPU version takes keys and values packed block by block of rows, so that whoever computes a
//! block's rows also packs them, and then every block of queries meets all blocks of keys.

#[cfg(feature = "cases")]
pub(crate) mod cases;
mod cpu;
mod exact;
mod floats;
mod reference;
#[cfg(all(test, feature = "cases"))]
mod tests;

use crate::op::{Access, Call, Dispatch, Operand, Texel, Variant, WgslKernel};
use alloc::vec;
use alloc::vec::Vec;

pub use cpu::{attend, cpu, pack, packed_len, scratch_len, whole_len};
pub use reference::reference;

/// Shape of an attention layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    /// Rows of the residual stream.
    pub tokens: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Whether the CPU rounds queries, keys, values and weights to whole numbers.
    pub exact: bool,
}

impl Params {
    /// Width of all heads together.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.heads * self.head_dim
    }

    /// What products of queries and keys are multiplied with, to be exponents of two:
    /// `log2(e) / sqrt(head_dim)`.
    #[must_use]
    pub fn scale(&self) -> f32 {
        1.0 / crate::math::sqrt(self.head_dim as f32) * core::f32::consts::LOG2_E
    }
}

/// Widest head the GPU version takes.
pub const MAX_HEAD_DIM: usize = 128;

/// Bindings: qkv `[tokens, 3 * dim]` of each image (queries, keys, values; heads side by side in each),
/// out `[tokens, dim]` of each. A workgroup of 16 x 4 has sixteen queries (x) of a head (y) of an image
/// (z), four an invocation;
/// keys pass in tiles of 64 with a running maximum and sum (Milakov and Gimelshein 2018, arXiv
/// 1805.02867).
pub static KERNEL: WgslKernel = WgslKernel {
    name: "attention",
    source: include_str!("attention.wgsl"),
    workgroup_size: [16, 4, 1],
    workgroup_bytes: 16 * (64 + 256),
    bindings: &[Access::Read, Access::ReadWrite],
};

/// Binds qkv in quads and writes a record for each four queries and four keys; see the source. A workgroup of
/// 8 x 8 has 32 keys (x) and 32 queries (y) of a head of an image (z).
static FOUR_SCORES: WgslKernel = WgslKernel {
    name: "attention_scores_fours",
    source: include_str!("scores_fours.wgsl"),
    workgroup_size: [8, 8, 1],
    workgroup_bytes: 0,
    bindings: &[Access::Read, Access::ReadWrite],
};

/// Binds those records and qkv in quads and writes out `[tokens, dim]`. A workgroup of 8 x 8 has 32 channels
/// (x) of 32 queries (y) of a head of an image (z).
static FOUR_MIX: WgslKernel = WgslKernel {
    name: "attention_mix_fours",
    source: include_str!("mix_fours.wgsl"),
    workgroup_size: [8, 8, 1],
    workgroup_bytes: 0,
    bindings: &[Access::Read, Access::Read, Access::ReadWrite],
};

/// Binds qkv as a texture and writes a record for each query and eight keys; see the source. A
/// workgroup of 8 x 2 has 64 keys (x) and 16 queries (y) of a head of an image (z).
static SCORES: WgslKernel = WgslKernel {
    name: "attention_scores",
    source: concat!(
        include_str!("scores.wgsl"),
        include_str!("../texels/place.wgsl"),
    ),
    workgroup_size: [8, 2, 1],
    workgroup_bytes: 0,
    bindings: &[Access::Texels(Texel::F32x4), Access::ReadWrite],
};

/// Binds the records and qkv as textures and writes out `[tokens, dim]`. A workgroup of 8 x 2 has 64
/// channels (x) of 16 queries (y) of a head of an image (z).
static MIX: WgslKernel = WgslKernel {
    name: "attention_mix",
    source: concat!(
        include_str!("mix.wgsl"),
        include_str!("../texels/place.wgsl"),
        include_str!("../texels/floats.wgsl"),
    ),
    workgroup_size: [8, 2, 1],
    workgroup_bytes: 0,
    bindings: &[
        Access::Texels(Texel::F32x4),
        Access::Texels(Texel::F32x4),
        Access::ReadWrite,
    ],
};

/// The ways to compute `images` images, one after the other in both operands; the first with [`KERNEL`].
#[must_use]
pub fn variants(params: &Params, images: usize) -> Vec<Variant> {
    let shape = vec![
        ("TOKENS", params.tokens as f64),
        ("HEADS", params.heads as f64),
        ("HEAD_DIM", params.head_dim as f64),
    ];
    let scale = ("SCALE", f64::from(params.scale()));
    let scaled = [shape.as_slice(), &[scale]].concat();
    let grid = |across: usize, rows: usize| {
        let rows = params.tokens.div_ceil(rows) as u32;
        [across as u32, rows, (params.heads * images) as u32]
    };
    let online = Call {
        constants: scaled.clone(),
        workgroups: [
            params.tokens.div_ceil(16) as u32,
            params.heads as u32,
            images as u32,
        ],
    };
    let halves =
        |scores: &'static WgslKernel, mix: &'static WgslKernel, block: [usize; 3], words| {
            let [keys, channels, queries] = block;
            let scores = Dispatch {
                kernel: scores,
                call: Call {
                    constants: scaled.clone(),
                    workgroups: grid(params.tokens.div_ceil(keys), queries),
                },
                operands: vec![Operand::Given(0), Operand::Scratch(0)],
            };
            let mix = Dispatch {
                kernel: mix,
                call: Call {
                    constants: shape.clone(),
                    workgroups: grid(params.head_dim.div_ceil(channels), queries),
                },
                operands: vec![Operand::Scratch(0), Operand::Given(0), Operand::Given(1)],
            };
            Variant {
                dispatches: vec![scores, mix],
                scratch: vec![images * params.heads * words],
                parts: vec![],
                stands_in: false,
            }
        };
    let mut variants = vec![Variant::single(&KERNEL, online)];
    if params.head_dim.is_multiple_of(4) {
        let fours = params.tokens.div_ceil(4);
        let of_fours = fours * fours * 20;
        variants.push(halves(&FOUR_SCORES, &FOUR_MIX, [32, 32, 32], of_fours));
        let of_eights = params.tokens * params.tokens.div_ceil(8) * 12;
        variants.push(halves(&SCORES, &MIX, [64, 64, 16], of_eights));
    }
    variants
}
