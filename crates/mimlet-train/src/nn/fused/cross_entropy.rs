//! Softmax cross-entropy against one class a row, and its gradient.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::buffer::Buffer;
use super::vector::{arch, exp, largest, sum};

/// Rows of one task.
const ROWS: usize = 96;

/// Numbers kept for each row: its largest logit, and `ln(sum(exp(logit - largest)))`. Their sum
/// would round the small one away.
const KEPT: usize = 2;

/// The mean loss, nats, and what [`backward`] needs of each row, from `logits`,
/// `[rows, classes]`, and `targets`, `[rows]`.
///
/// # Panics
/// When a target is not one of the classes.
pub(super) fn forward(logits: &[f32], targets: &[usize]) -> (f64, Buffer) {
    let rows = targets.len();
    let classes = logits.len() / rows.max(1);
    let mut normalisers = Buffer::new(KEPT * rows);
    let tasks = logits
        .par_chunks(ROWS * classes)
        .zip(normalisers.par_chunks_mut(KEPT * ROWS));
    tasks.for_each(|(logits, normalisers)| {
        arch().dispatch(Normalisers {
            logits,
            normalisers,
        });
    });
    let picked = logits.chunks_exact(classes).zip(targets);
    // In f64 and in order: the sum must not depend on who computed what.
    let total: f64 = picked
        .zip(normalisers.chunks_exact(KEPT))
        .map(|((row, &target), kept)| {
            f64::from(kept[0]) - f64::from(row[target]) + f64::from(kept[1])
        })
        .sum();
    (total / rows as f64, normalisers)
}

struct Normalisers<'a> {
    logits: &'a [f32],
    normalisers: &'a mut [f32],
}

impl WithSimd for Normalisers<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let (kept, _) = self.normalisers.as_chunks_mut::<KEPT>();
        let classes = self.logits.len() / kept.len();
        for (row, kept) in self.logits.chunks_exact(classes).zip(kept) {
            let top = largest(row);
            *kept = [top, sum(row, |logit| exp(logit - top)).ln()];
        }
    }
}

/// The logits' gradient, `(softmax - target) * scale`.
pub(super) fn backward(
    logits: &[f32],
    targets: &[usize],
    normalisers: &Buffer,
    scale: f32,
) -> Vec<f32> {
    let classes = logits.len() / targets.len().max(1);
    let mut gradient = vec![0.0; logits.len()];
    let tasks = gradient
        .par_chunks_mut(ROWS * classes)
        .zip(logits.par_chunks(ROWS * classes))
        .zip(normalisers.par_chunks(KEPT * ROWS))
        .zip(targets.par_chunks(ROWS));
    tasks.for_each(|(((gradient, logits), normalisers), targets)| {
        arch().dispatch(Slopes {
            logits,
            normalisers,
            gradient,
            scale,
        });
        for (row, &target) in gradient.chunks_exact_mut(classes).zip(targets) {
            row[target] -= scale;
        }
    });
    gradient
}

struct Slopes<'a> {
    logits: &'a [f32],
    normalisers: &'a [f32],
    gradient: &'a mut [f32],
    scale: f32,
}

impl WithSimd for Slopes<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let (kept, _) = self.normalisers.as_chunks::<KEPT>();
        let classes = self.logits.len() / kept.len();
        let rows = self.logits.chunks_exact(classes);
        let rows = rows.zip(self.gradient.chunks_exact_mut(classes));
        for ((row, gradient), &[top, rest]) in rows.zip(kept) {
            for (slope, &logit) in gradient.iter_mut().zip(row) {
                *slope = exp(logit - top - rest) * self.scale;
            }
        }
    }
}
