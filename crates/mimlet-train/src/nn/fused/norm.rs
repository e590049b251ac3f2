//! Layer norm of rows (Ba et al. 2016, arXiv 1607.06450) and its gradient.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::buffer::Buffer;
use super::rows::add_rows;
use super::vector::{arch, sum, sum2, sum3};
use crate::nn::norm::EPSILON;

/// Gain and offset, `[dim]` each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Affine<'a> {
    pub(super) gain: &'a [f32],
    pub(super) offset: &'a [f32],
}

/// `out = norm(x)`, row by row.
pub(super) fn normalise(x: &[f32], affine: Affine<'_>, out: &mut [f32]) {
    arch().dispatch(Normalise { x, affine, out });
}

struct Normalise<'a> {
    x: &'a [f32],
    affine: Affine<'a>,
    out: &'a mut [f32],
}

impl WithSimd for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let Affine { gain, offset } = self.affine;
        let dim = gain.len();
        for (x, out) in self.x.chunks_exact(dim).zip(self.out.chunks_exact_mut(dim)) {
            let (mean, scale) = moments(x);
            for (((out, &x), &gain), &offset) in out.iter_mut().zip(x).zip(gain).zip(offset) {
                *out = (x - mean) * scale * gain + offset;
            }
        }
    }
}

/// Mean and `1 / sqrt(variance + eps)`.
#[inline(always)]
fn moments(x: &[f32]) -> (f32, f32) {
    let dim = x.len() as f32;
    let mean = sum(x, |x| x) / dim;
    let variance = sum(x, |x| (x - mean) * (x - mean)) / dim;
    (mean, 1.0 / (variance + EPSILON as f32).sqrt())
}

/// Gradients of some rows' norm.
pub(super) struct Gradient<'a> {
    /// The norm's input.
    pub(super) x: &'a [f32],
    /// Of the norm's output.
    pub(super) output: &'a [f32],
    pub(super) affine: Affine<'a>,
    /// The input's is added here.
    pub(super) input: &'a mut [f32],
    /// The gain's and the offset's are added here, `[dim]` each.
    pub(super) gain: &'a mut [f32],
    pub(super) offset: &'a mut [f32],
    /// Where the norm's output goes, if it is needed once more.
    pub(super) normed: Option<&'a mut [f32]>,
}

/// With `n = (x - mean) / s` and `g` the gradient of `n`, the input's gradient is
/// `(g - mean(g) - n mean(g n)) / s`.
pub(super) fn gradient(gradient: Gradient<'_>) {
    arch().dispatch(gradient);
}

impl WithSimd for Gradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        if let Some(out) = self.normed.take() {
            let (x, affine) = (self.x, self.affine);
            Normalise { x, affine, out }.with_simd(simd);
        }
        let Affine { gain, .. } = self.affine;
        let dim = gain.len();
        let (gain_sums, offset_sums) = (&mut self.gain[..dim], &mut self.offset[..dim]);
        let rows = self.x.chunks_exact(dim).zip(self.output.chunks_exact(dim));
        for ((x, output), input) in rows.zip(self.input.chunks_exact_mut(dim)) {
            let (mean, scale) = moments(x);
            let whole = sum2(output, gain, |y, gain| y * gain) / dim as f32;
            let along = sum3([output, gain, x], |y, gain, x| y * gain * (x - mean));
            let along = along * scale / dim as f32;
            let sums = gain_sums.iter_mut().zip(offset_sums.iter_mut());
            let values = x.iter().zip(output).zip(gain);
            for ((input, (gain_sum, offset_sum)), ((&x, &y), &gain)) in
                input.iter_mut().zip(sums).zip(values)
            {
                let n = (x - mean) * scale;
                *gain_sum += y * n;
                *offset_sum += y;
                *input += (y * gain - whole - n * along) * scale;
            }
        }
    }
}

/// Rows of one task of [`forward`] and [`backward`].
const ROWS: usize = 96;

/// [`normalise`] over all threads.
pub(super) fn forward(x: &[f32], affine: Affine<'_>, out: &mut [f32]) {
    let len = ROWS * affine.gain.len();
    x.par_chunks(len)
        .zip(out.par_chunks_mut(len))
        .for_each(|(x, out)| normalise(x, affine, out));
}

/// Gradients of input, gain and offset, given that of the output.
pub(super) fn backward(x: &[f32], affine: Affine<'_>, output: &[f32]) -> [Vec<f32>; 3] {
    let dim = affine.gain.len();
    let mut input = vec![0.0; x.len()];
    let mut sums = Buffer::zeros(x.chunks(ROWS * dim).len() * 2 * dim);
    x.par_chunks(ROWS * dim)
        .zip(output.par_chunks(ROWS * dim))
        .zip(input.par_chunks_mut(ROWS * dim))
        .zip(sums.par_chunks_mut(2 * dim))
        .for_each(|(((x, output), input), sums)| {
            let (gain, offset) = sums.split_at_mut(dim);
            gradient(Gradient {
                x,
                output,
                affine,
                input,
                gain,
                offset,
                normed: None,
            });
        });
    let mut gain = vec![0.0; 2 * dim];
    add_rows(&sums, &mut gain);
    let offset = gain.split_off(dim);
    [input, gain, offset]
}
