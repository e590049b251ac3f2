//! A block of rows: its part of each of the plan's buffers, and how each step works on them.

use super::program::{Op, Packs, Segment};
use super::weights::Weights;
use crate::plan::{BufferId, BufferSpec, Per, Plan, Step};
use alloc::vec::Vec;
use core::mem;
use core::ops::Range;
use mimlet_format::AlignedBytes;
use mimlet_kernels::{
    Level, attention, layer_norm, linear, linear_q4, linear_q8, nearest_centroid, patch_embed,
    patchify, quantize_rows,
};

/// The image of one run.
#[derive(Debug, Clone, Copy)]
pub(super) enum Image<'a> {
    /// f32 `[3, height, width]`, normalised.
    Floats(&'a [f32]),
    /// u8 `[height, width, 3]`, and the value of each byte in each channel.
    Pixels(&'a [u8], &'a patchify::Values),
}

/// What every block of a segment may read.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    pub(super) level: Level,
    pub(super) image: Image<'a>,
    /// Packed keys and values of every block of `block_rows` tokens; none where there is one block,
    /// which has seen its own before it packs the next.
    pub(super) packed: &'a [AlignedBytes],
    pub(super) block_rows: usize,
}

/// Some rows of the residual stream, with all buffers they need. Buffers are cache lines of their
/// own: vectors that cross a line cost a third of the speed.
#[derive(Debug)]
pub(super) struct Block {
    /// Tokens of the block, among the image's.
    pub(super) tokens: Range<usize>,
    /// Patches of the block: its tokens but for the prefix.
    pub(super) patches: Range<usize>,
    buffers: Vec<AlignedBytes>,
    /// Keys and values for the next segment.
    pub(super) packed: AlignedBytes,
}

impl Block {
    /// The block of some tokens, its buffers zero.
    pub(super) fn new(plan: &Plan, tokens: Range<usize>, packed_words: usize) -> Self {
        let prefix = plan.config().prefix_tokens() as usize;
        let patches = tokens.start.saturating_sub(prefix)..tokens.end.saturating_sub(prefix);
        let words = |spec: &BufferSpec| match spec.per {
            Per::Image => 0,
            Per::Token => tokens.len() * spec.row_words,
            Per::Patch => patches.len() * spec.row_words,
        };
        Self {
            buffers: plan
                .buffers()
                .iter()
                .map(|spec| zeros(words(spec)))
                .collect(),
            packed: zeros(packed_words),
            tokens,
            patches,
        }
    }

    /// A buffer's floats.
    pub(super) fn floats(&self, id: BufferId) -> &[f32] {
        bytemuck::cast_slice(&self.buffers[id.index()])
    }

    /// A buffer's words.
    pub(super) fn words(&self, id: BufferId) -> &[u32] {
        bytemuck::cast_slice(&self.buffers[id.index()])
    }

    /// Runs a segment, and tells `done` the number of each op when it is; packing comes last.
    pub(super) fn run(
        &mut self,
        segment: &Segment<'_>,
        shared: Shared<'_>,
        scratch: &mut [u32],
        done: &mut dyn FnMut(usize),
    ) {
        for (index, op) in segment.ops.iter().enumerate() {
            self.step(op, shared, scratch);
            done(index);
        }
        if let Some(packs) = segment.packs {
            self.pack(shared.level, packs);
            done(segment.ops.len());
        }
    }

    pub(super) fn pack(&mut self, level: Level, Packs { params, qkv }: Packs) {
        let mut packed = mem::take(&mut self.packed);
        let qkv = &self.floats(qkv)[..self.tokens.len() * 3 * params.dim()];
        let words: &mut [u32] = bytemuck::cast_slice_mut(&mut packed);
        let len = attention::packed_len(&params, self.tokens.len());
        attention::pack(level, &params, qkv, &mut words[..len]);
        self.packed = packed;
    }

    /// Lends a buffer's floats to `f` beside the rest of the block: no op reads what it writes, but
    /// for those that work in place.
    fn write(&mut self, id: BufferId, f: impl FnOnce(&Self, &mut [f32])) {
        let mut buffer = mem::take(&mut self.buffers[id.index()]);
        f(self, bytemuck::cast_slice_mut(&mut buffer));
        self.buffers[id.index()] = buffer;
    }

    pub(super) fn step(&mut self, op: &Op<'_>, shared: Shared<'_>, scratch: &mut [u32]) {
        let level = shared.level;
        let rows = self.tokens.len();
        match (&op.step, &op.weights) {
            (
                &Step::Patchify {
                    ref params,
                    short,
                    patches,
                    ..
                },
                _,
            ) => self.patchify(params, short, patches, shared),
            (
                &Step::PatchEmbed {
                    ref params,
                    patches,
                    out,
                    ..
                },
                &Weights::Float(weight, table),
            ) => self.write(out, |block, out| {
                let (patches, first) = (block.floats(patches), block.tokens.start);
                let scratch = bytemuck::cast_slice_mut(scratch);
                patch_embed::cpu(level, params, patches, weight, table, first, scratch, out);
            }),
            (
                &Step::LayerNorm {
                    ref params, x, y, ..
                },
                Weights::Norm(weight, bias),
            ) => self.write(y, |block, y| {
                layer_norm::cpu(level, params, block.floats(x), weight, bias, y);
            }),
            (
                &Step::QuantizeRows {
                    ref params,
                    x,
                    quantized,
                    ..
                },
                _,
            ) => self.write(quantized, |block, quantized| {
                let words = rows * quantize_rows::row_words(params.dim);
                let quantized: &mut [u32] = bytemuck::cast_slice_mut(quantized);
                let x = &block.floats(x)[..rows * params.dim];
                quantize_rows::cpu(level, params, x, &mut quantized[..words]);
            }),
            (Step::Linear { .. } | Step::LinearQ8 { .. } | Step::LinearQ4 { .. }, _) => {
                self.linear(op, level, scratch);
            }
            (Step::Attention { .. }, _) => self.attend(op, shared, scratch),
            (Step::NearestCentroid { .. }, Weights::Centroids(_)) => self.tokenize(op, level),
            _ => unreachable!("weights were made for their step"),
        }
    }

    fn patchify(
        &mut self,
        params: &patchify::Params,
        short: bool,
        id: BufferId,
        shared: Shared<'_>,
    ) {
        self.write(id, |block, patches| {
            let first = block.patches.start;
            match shared.image {
                Image::Floats(image) => patchify::cpu(params, image, first, patches),
                Image::Pixels(pixels, values) => {
                    patchify::from_pixels(params, pixels, values, first, patches);
                }
            }
            if short {
                patchify::shorten(shared.level, patches);
            }
        });
    }

    fn linear(&mut self, op: &Op<'_>, level: Level, scratch: &mut [u32]) {
        let rows = self.tokens.len();
        let epilogue = op.epilogue;
        let Some(output) = op.output else {
            unreachable!("a linear layer has an output")
        };
        self.write(output, |block, y| match (&op.step, &op.weights) {
            (&Step::Linear { ref params, x, .. }, &Weights::Float(weight, bias)) => {
                let y = &mut y[..rows * params.outputs];
                let (x, scratch) = (block.floats(x), bytemuck::cast_slice_mut(scratch));
                linear::cpu(level, params, x, weight, bias, epilogue, scratch, y);
            }
            (&Step::LinearQ8 { ref params, x, .. }, Weights::Bytes(weights)) => {
                let y = &mut y[..rows * params.outputs];
                let x = &block.words(x)[..rows * params.row_words()];
                linear_q8::cpu(level, params, x, &weights.get(), epilogue, scratch, y);
            }
            (&Step::LinearQ4 { ref params, x, .. }, Weights::Nibbles(weights)) => {
                let y = &mut y[..rows * params.outputs];
                let x = &block.words(x)[..rows * params.row_words()];
                linear_q4::cpu(level, params, x, &weights.get(), epilogue, scratch, y);
            }
            _ => unreachable!("weights were made for their step"),
        });
    }

    fn attend(&mut self, op: &Op<'_>, shared: Shared<'_>, scratch: &mut [u32]) {
        let Step::Attention {
            ref params,
            qkv,
            out,
        } = op.step
        else {
            unreachable!("the step is an attention")
        };
        let Shared {
            level, block_rows, ..
        } = shared;
        self.write(out, |block, out| {
            let qkv = &block.floats(qkv)[..block.tokens.len() * 3 * params.dim()];
            let packed = |index: usize| {
                let of_block = shared.packed.get(index);
                bytemuck::cast_slice(of_block.unwrap_or(&block.packed))
            };
            attention::attend(level, params, qkv, packed, block_rows, scratch, out);
        });
    }

    fn tokenize(&mut self, op: &Op<'_>, level: Level) {
        let (
            &Step::NearestCentroid {
                ref params,
                first,
                x,
                tokens,
                distances,
                ..
            },
            Weights::Centroids(centroids),
        ) = (&op.step, &op.weights)
        else {
            unreachable!("the step finds tokens")
        };
        // Rows of x before the block's first patch: prefix tokens, when x has a row for each token.
        let skipped = match first {
            0 => 0,
            _ => self.patches.start + first as usize - self.tokens.start,
        };
        let mut words = mem::take(&mut self.buffers[tokens.index()]);
        self.write(distances, |block, distances| {
            let x = &block.floats(x)[skipped * params.dim..];
            let words = bytemuck::cast_slice_mut(&mut words);
            nearest_centroid::cpu(level, params, x, *centroids, words, distances);
        });
        self.buffers[tokens.index()] = words;
    }
}

/// Zeros that start on a cache line.
pub(super) fn zeros(words: usize) -> AlignedBytes {
    AlignedBytes::zeroed(words * size_of::<u32>())
}
