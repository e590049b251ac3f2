//! Loops over the rows of a matrix: bias, residual, GELU, column sums.

use pulp::{Simd, WithSimd};

use super::vector::{arch, gelu};

/// Every row of `out` is `bias`.
pub(super) fn repeat(bias: &[f32], out: &mut [f32]) {
    for row in out.chunks_exact_mut(bias.len()) {
        row.copy_from_slice(bias);
    }
}

/// Every row of `out` is `bias` and the row of `x`.
pub(super) fn repeat_onto(bias: &[f32], x: &[f32], out: &mut [f32]) {
    struct Onto<'a>(&'a [f32], &'a [f32], &'a mut [f32]);
    impl WithSimd for Onto<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _simd: S) {
            let dim = self.0.len();
            for (x, out) in self.1.chunks_exact(dim).zip(self.2.chunks_exact_mut(dim)) {
                for ((out, &x), &bias) in out.iter_mut().zip(x).zip(self.0) {
                    *out = x + bias;
                }
            }
        }
    }
    arch().dispatch(Onto(bias, x, out));
}

/// `sums += ` the rows of `x`, one after the other.
pub(super) fn add_rows(x: &[f32], sums: &mut [f32]) {
    struct AddRows<'a>(&'a [f32], &'a mut [f32]);
    impl WithSimd for AddRows<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _simd: S) {
            for row in self.0.chunks_exact(self.1.len()) {
                for (sum, &x) in self.1.iter_mut().zip(row) {
                    *sum += x;
                }
            }
        }
    }
    arch().dispatch(AddRows(x, sums));
}

/// `out = gelu(x)`.
pub(super) fn activate(x: &[f32], out: &mut [f32]) {
    struct Activate<'a>(&'a [f32], &'a mut [f32]);
    impl WithSimd for Activate<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _simd: S) {
            for (out, &x) in self.1.iter_mut().zip(self.0) {
                *out = gelu(x).0;
            }
        }
    }
    arch().dispatch(Activate(x, out));
}

/// `out = gelu(x)`, and `gradient`, the output's, becomes the input's.
pub(super) fn activate_backward(x: &[f32], out: &mut [f32], gradient: &mut [f32]) {
    struct Backward<'a>(&'a [f32], &'a mut [f32], &'a mut [f32]);
    impl WithSimd for Backward<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _simd: S) {
            for ((gradient, out), &x) in self.2.iter_mut().zip(self.1).zip(self.0) {
                let (value, slope) = gelu(x);
                *out = value;
                *gradient *= slope;
            }
        }
    }
    arch().dispatch(Backward(x, out, gradient));
}
