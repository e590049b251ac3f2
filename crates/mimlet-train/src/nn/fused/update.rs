//! The optimiser's arithmetic over whole parameters: one pass over memory instead of a dozen.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::vector::arch;

/// Elements of one task.
const CHUNK: usize = 1 << 15;

/// The numbers of one AdamW step (Loshchilov and Hutter 2019, arXiv 1711.05101) of one parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// The gradient is multiplied by this first: the clip.
    pub(crate) scale: f32,
    /// Decay of the first moment.
    pub(crate) beta1: f32,
    /// Decay of the second moment.
    pub(crate) beta2: f32,
    /// The parameter is multiplied by this: `1 - rate * weight decay`.
    pub(crate) keep: f32,
    /// `rate / (1 - beta1^t)`.
    pub(crate) rate: f32,
    /// `1 / (1 - beta2^t)`.
    pub(crate) correction: f32,
    /// Added to the root of the second moment.
    pub(crate) epsilon: f32,
}

/// Sum of squares, in f64: by chunks and then over the chunks.
pub(super) fn sum_of_squares(x: &[f32]) -> f64 {
    let sums: Vec<f64> = x.par_chunks(CHUNK).map(chunk_of_squares).collect();
    sums.iter().sum()
}

fn chunk_of_squares(x: &[f32]) -> f64 {
    struct Squares<'a>(&'a [f32]);
    impl WithSimd for Squares<'_> {
        type Output = f64;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _simd: S) -> f64 {
            let mut lanes = [0.0f64; 16];
            let (whole, rest) = self.0.as_chunks::<16>();
            for chunk in whole {
                for (lane, &x) in lanes.iter_mut().zip(chunk) {
                    *lane += f64::from(x) * f64::from(x);
                }
            }
            for (lane, &x) in lanes.iter_mut().zip(rest) {
                *lane += f64::from(x) * f64::from(x);
            }
            lanes.iter().sum()
        }
    }
    arch().dispatch(Squares(x))
}

/// One step, in place; all slices have one length.
pub(super) fn adamw(
    step: Step,
    gradient: &[f32],
    parameter: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
) {
    parameter
        .par_chunks_mut(CHUNK)
        .zip(first.par_chunks_mut(CHUNK))
        .zip(second.par_chunks_mut(CHUNK))
        .zip(gradient.par_chunks(CHUNK))
        .for_each(|(((parameter, first), second), gradient)| {
            arch().dispatch(AdamW {
                step,
                gradient,
                parameter,
                first,
                second,
            });
        });
}

struct AdamW<'a> {
    step: Step,
    gradient: &'a [f32],
    parameter: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl WithSimd for AdamW<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let step = self.step;
        let moments = self.first.iter_mut().zip(self.second);
        let all = self.parameter.iter_mut().zip(self.gradient).zip(moments);
        for ((parameter, &gradient), (first, second)) in all {
            let gradient = gradient * step.scale;
            *first = *first * step.beta1 + gradient * (1.0 - step.beta1);
            *second = *second * step.beta2 + gradient * gradient * (1.0 - step.beta2);
            let spread = (*second * step.correction).sqrt() + step.epsilon;
            *parameter = *parameter * step.keep - *first / spread * step.rate;
        }
    }
}
