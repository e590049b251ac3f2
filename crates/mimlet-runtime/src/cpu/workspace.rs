//! The buffers of a plan on the CPU, and how each step works on them.

use super::threads::Threads;
use super::weights::Weights;
use crate::plan::{BufferId, Plan, Step};
use alloc::vec;
use alloc::vec::Vec;
use core::mem;
use mimlet_format::AlignedBytes;
use mimlet_kernels::{
    Level, attention, gelu, layer_norm, linear, linear_q4, linear_q8, nearest_centroid,
    patch_embed, patchify, quantize_rows, residual,
};

/// Floats on a cache line.
const LINE: usize = 16;

/// Zeros that start on a cache line.
fn zeros(floats: usize) -> AlignedBytes {
    AlignedBytes::zeroed(floats * size_of::<f32>())
}

/// Buffers and scratch, allocated once, on cache lines of their own: vectors that cross a line cost
/// a third of the speed.
pub(super) struct Workspace {
    level: Level,
    buffers: Vec<Buffer>,
    /// Attention's scratch, one part per thread.
    scratch: AlignedBytes,
}

/// A plan's buffer: floats, or the words of tokens and quantised rows. The other vector is empty.
#[derive(Debug, Default)]
struct Buffer {
    floats: AlignedBytes,
    words: Vec<u32>,
}

impl Workspace {
    /// Zeroed buffers for a plan and `threads` threads.
    pub(super) fn new(plan: &Plan, level: Level, threads: usize) -> Self {
        let mut holds_words = vec![false; plan.buffers().len()];
        let mut scratch = 0;
        for step in plan.steps() {
            match step {
                Step::QuantizeRows {
                    quantized: words, ..
                }
                | Step::NearestCentroid { tokens: words, .. } => holds_words[words.0] = true,
                Step::Attention { params, .. } => {
                    scratch = scratch.max(attention::scratch_len(params).next_multiple_of(LINE));
                }
                _ => {}
            }
        }
        let buffer = |(spec, holds_words): (&crate::BufferSpec, bool)| {
            if holds_words {
                Buffer {
                    words: vec![0; spec.words],
                    ..Buffer::default()
                }
            } else {
                Buffer {
                    floats: zeros(spec.words),
                    ..Buffer::default()
                }
            }
        };
        Self {
            level,
            buffers: plan.buffers().iter().zip(holds_words).map(buffer).collect(),
            scratch: zeros(scratch * threads),
        }
    }

    /// The SIMD level of the steps.
    pub(super) fn level(&self) -> Level {
        self.level
    }

    /// A buffer of floats.
    pub(super) fn floats(&self, id: BufferId) -> &[f32] {
        bytemuck::cast_slice(&self.buffers[id.0].floats)
    }

    /// A buffer of floats, to be written from outside.
    pub(super) fn floats_mut(&mut self, id: BufferId) -> &mut [f32] {
        bytemuck::cast_slice_mut(&mut self.buffers[id.0].floats)
    }

    /// A buffer of words.
    pub(super) fn words(&self, id: BufferId) -> &[u32] {
        &self.buffers[id.0].words
    }

    /// Runs one step.
    pub(super) fn step(&mut self, threads: &Threads, step: &Step, weights: &Weights<'_>) {
        let level = self.level;
        match (step, *weights) {
            (
                &Step::Patchify {
                    ref params,
                    image,
                    patches,
                },
                _,
            ) => {
                self.write(patches, |workspace, out| {
                    patchify::cpu(params, workspace.floats(image), out);
                });
            }
            (
                &Step::PatchEmbed {
                    ref params,
                    patches,
                    out,
                    ..
                },
                Weights::Float(weight, table),
            ) => {
                self.write(out, |workspace, out| {
                    let patches = workspace.floats(patches);
                    threads.rows(out, params.embed_dim, |first, out| {
                        patch_embed::cpu(level, params, patches, weight, table, first, out);
                    });
                });
            }
            (
                &Step::LayerNorm {
                    ref params, x, y, ..
                },
                Weights::Norm(weight, bias),
            ) => {
                self.write(y, |workspace, y| {
                    let x = workspace.floats(x);
                    threads.rows(y, params.dim, |first, y| {
                        let x = &x[first * params.dim..][..y.len()];
                        layer_norm::cpu(level, params, x, weight, bias, y);
                    });
                });
            }
            (
                &Step::QuantizeRows {
                    ref params,
                    rows,
                    x,
                    quantized,
                },
                _,
            ) => {
                self.quantize_rows(threads, params, rows as usize, x, quantized);
            }
            (
                &Step::Linear {
                    ref params,
                    rows,
                    x,
                    y,
                    ..
                },
                Weights::Float(weight, bias),
            ) => {
                self.write(y, |workspace, y| {
                    let x = workspace.floats(x);
                    let y = &mut y[..rows as usize * params.outputs];
                    threads.rows(y, params.outputs, |first, y| {
                        let x = &x[first * params.inputs..];
                        linear::cpu(level, params, x, weight, bias, y);
                    });
                });
            }
            (
                &Step::LinearQ8 {
                    ref params,
                    rows,
                    x,
                    y,
                    ..
                },
                Weights::Bytes(weight, channels),
            ) => {
                self.write(y, |workspace, y| {
                    let x = &workspace.buffers[x.0].words;
                    let y = &mut y[..rows as usize * params.outputs];
                    threads.rows(y, params.outputs, |first, y| {
                        let words = y.len() / params.outputs * params.row_words();
                        let x = &x[first * params.row_words()..][..words];
                        linear_q8::cpu(level, params, x, weight, channels, y);
                    });
                });
            }
            (
                &Step::LinearQ4 {
                    ref params,
                    rows,
                    x,
                    y,
                    ..
                },
                Weights::Nibbles(weight, scales, bias),
            ) => {
                self.write(y, |workspace, y| {
                    let x = &workspace.buffers[x.0].words;
                    let y = &mut y[..rows as usize * params.outputs];
                    threads.rows(y, params.outputs, |first, y| {
                        let words = y.len() / params.outputs * params.row_words();
                        let x = &x[first * params.row_words()..][..words];
                        linear_q4::cpu(level, params, x, weight, scales, bias, y);
                    });
                });
            }
            (
                &Step::Attention {
                    ref params,
                    qkv,
                    out,
                },
                _,
            ) => self.attention(threads, params, qkv, out),
            (&Step::Gelu { len, x }, _) => {
                self.write(x, |_, x| {
                    threads.rows(&mut x[..len], 64, |_, x| gelu::cpu(level, x));
                });
            }
            (&Step::Residual { branch, x, .. }, _) => {
                self.write(x, |workspace, x| {
                    residual::cpu(level, workspace.floats(branch), x);
                });
            }
            (
                &Step::NearestCentroid {
                    ref params,
                    first,
                    x,
                    tokens,
                    distances,
                    ..
                },
                Weights::Centroids(centroids),
            ) => {
                let mut words = mem::take(&mut self.buffers[tokens.0].words);
                self.write(distances, |workspace, distances| {
                    let x = &workspace.floats(x)[first as usize * params.dim..];
                    nearest_centroid::cpu(level, params, x, centroids, &mut words, distances);
                });
                self.buffers[tokens.0].words = words;
            }
            (step, weights) => unreachable!("{weights:?} were not made for {step:?}"),
        }
    }

    fn quantize_rows(
        &mut self,
        threads: &Threads,
        params: &quantize_rows::Params,
        rows: usize,
        x: BufferId,
        quantized: BufferId,
    ) {
        let row_words = quantize_rows::row_words(params.dim);
        let mut words = mem::take(&mut self.buffers[quantized.0].words);
        let x = self.floats(x);
        threads.rows(&mut words[..rows * row_words], row_words, |first, words| {
            let x = &x[first * params.dim..][..words.len() / row_words * params.dim];
            quantize_rows::cpu(self.level, params, x, words);
        });
        self.buffers[quantized.0].words = words;
    }

    fn attention(
        &mut self,
        threads: &Threads,
        params: &attention::Params,
        qkv: BufferId,
        out: BufferId,
    ) {
        let mut scratch = mem::take(&mut self.scratch);
        let level = self.level;
        self.write(out, |workspace, out| {
            let qkv = &workspace.floats(qkv)[..params.tokens * 3 * params.dim()];
            let scratch = bytemuck::cast_slice_mut(&mut scratch);
            let part = scratch.len() / threads.count();
            threads.rows_with(out, params.dim(), scratch, part, |first, out, scratch| {
                attention::cpu(level, params, qkv, first, scratch, out);
            });
        });
        self.scratch = scratch;
    }

    /// Lends a buffer's floats to `f` beside the rest of the workspace: no op reads what it writes.
    fn write(&mut self, id: BufferId, f: impl FnOnce(&Self, &mut [f32])) {
        let mut floats = mem::take(&mut self.buffers[id.0].floats);
        f(self, bytemuck::cast_slice_mut(&mut floats));
        self.buffers[id.0].floats = floats;
    }
}
