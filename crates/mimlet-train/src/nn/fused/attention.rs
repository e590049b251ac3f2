//! Attention of one image's tokens, head by head (Vaswani et al. 2017, arXiv 1706.03762), and its
//! gradient. Probabilities are not kept: the backward pass computes them again.

use pulp::{Simd, WithSimd};

use super::buffer::Buffer;
use super::gemm::{Left, Panels, multiply};
use super::vector::{arch, exp, largest, sum, sum2};

/// Sizes of one image's attention.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads {
    pub(super) tokens: usize,
    pub(super) dim: usize,
    pub(super) heads: usize,
}

/// Working memory of one thread.
#[derive(Debug)]
pub(super) struct Scratch {
    panels: Panels,
    probabilities: Buffer,
    slopes: Buffer,
}

impl Scratch {
    pub(super) fn new() -> Self {
        Self {
            panels: Panels::empty(),
            probabilities: Buffer::new(0),
            slopes: Buffer::new(0),
        }
    }
}

impl Heads {
    fn head_dim(self) -> usize {
        self.dim / self.heads
    }

    /// `1 / sqrt(head_dim)`.
    fn scale(self) -> f32 {
        1.0 / (self.head_dim() as f32).sqrt()
    }

    /// `out`, `[tokens, dim]`, from `qkv`, `[tokens, 3 dim]`.
    pub(super) fn forward(self, qkv: &[f32], out: &mut [f32], scratch: &mut Scratch) {
        let (tokens, width, stride) = (self.tokens, self.head_dim(), 3 * self.dim);
        out.fill(0.0);
        for head in 0..self.heads {
            let at = head * width;
            self.probabilities(&qkv[at..], scratch);
            let values = &qkv[2 * self.dim + at..];
            scratch.panels.fill_rows(values, stride, tokens, width);
            let left = Left::ByRow {
                data: &scratch.probabilities,
                stride: tokens,
            };
            multiply(left, &scratch.panels, tokens, &mut out[at..], self.dim);
        }
    }

    /// `softmax(q k^T scale)` of the head whose queries begin `qkv`.
    fn probabilities(self, qkv: &[f32], scratch: &mut Scratch) {
        let (tokens, stride) = (self.tokens, 3 * self.dim);
        let keys = &qkv[self.dim..];
        let panels = &mut scratch.panels;
        panels.fill_columns(keys, stride, self.head_dim(), tokens);
        scratch.probabilities.resize(tokens * tokens);
        scratch.probabilities.fill(0.0);
        let queries = Left::ByRow { data: qkv, stride };
        multiply(queries, panels, tokens, &mut scratch.probabilities, tokens);
        arch().dispatch(Softmax {
            rows: &mut scratch.probabilities,
            tokens,
            scale: self.scale(),
        });
    }

    /// The gradient of `qkv`, into `out`, from that of the attention's output, `[tokens, dim]`.
    pub(super) fn backward(
        self,
        qkv: &[f32],
        gradient: &[f32],
        out: &mut [f32],
        scratch: &mut Scratch,
    ) {
        out.fill(0.0);
        for head in 0..self.heads {
            let at = head * self.head_dim();
            self.head_backward(&qkv[at..], &gradient[at..], &mut out[at..], scratch);
        }
    }

    /// With `P` the probabilities, `O = P V`: `dV = P^T dO`, `dP = dO V^T`,
    /// `dS = P (dP - rowsum(P dP))`, `dQ = scale dS K`, `dK = scale dS^T Q`.
    fn head_backward(self, qkv: &[f32], gradient: &[f32], out: &mut [f32], scratch: &mut Scratch) {
        let (tokens, width, dim, stride) = (self.tokens, self.head_dim(), self.dim, 3 * self.dim);
        self.probabilities(qkv, scratch);
        let Scratch {
            panels,
            probabilities,
            slopes,
        } = scratch;
        panels.fill_rows(gradient, dim, tokens, width);
        let by_column = |data| Left::ByColumn {
            data,
            stride: tokens,
        };
        let values = by_column(probabilities);
        multiply(values, panels, tokens, &mut out[2 * dim..], stride);

        panels.fill_columns(&qkv[2 * dim..], stride, width, tokens);
        slopes.resize(tokens * tokens);
        slopes.fill(0.0);
        let left = Left::ByRow {
            data: gradient,
            stride: dim,
        };
        multiply(left, panels, tokens, slopes, tokens);
        arch().dispatch(SoftmaxBackward {
            probabilities,
            slopes,
            tokens,
            scale: self.scale(),
        });

        panels.fill_rows(&qkv[dim..], stride, tokens, width);
        let left = Left::ByRow {
            data: slopes,
            stride: tokens,
        };
        multiply(left, panels, tokens, out, stride);
        panels.fill_rows(qkv, stride, tokens, width);
        multiply(by_column(slopes), panels, tokens, &mut out[dim..], stride);
    }
}

/// Scores become probabilities.
struct Softmax<'a> {
    rows: &'a mut [f32],
    tokens: usize,
    scale: f32,
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        for row in self.rows.chunks_exact_mut(self.tokens) {
            let top = largest(row);
            for value in row.iter_mut() {
                *value = exp((*value - top) * self.scale);
            }
            let inverse = 1.0 / sum(row, |value| value);
            for value in row.iter_mut() {
                *value *= inverse;
            }
        }
    }
}

/// Gradients of probabilities become those of the products of queries and keys.
struct SoftmaxBackward<'a> {
    probabilities: &'a [f32],
    slopes: &'a mut [f32],
    tokens: usize,
    scale: f32,
}

impl WithSimd for SoftmaxBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let rows = self.probabilities.chunks_exact(self.tokens);
        for (row, slopes) in rows.zip(self.slopes.chunks_exact_mut(self.tokens)) {
            let whole = sum2(row, slopes, |p, slope| p * slope);
            for (slope, &p) in slopes.iter_mut().zip(row) {
                *slope = p * (*slope - whole) * self.scale;
            }
        }
    }
}
