//! GELU with an error function that vectorises.

use crate::math::erf;
use crate::simd::Level;

/// Overwrites each value with its GELU.
pub fn cpu(level: Level, x: &mut [f32]) {
    level.vectorize(
        #[inline(always)]
        || {
            for x in x.iter_mut() {
                *x = 0.5 * *x * (1.0 + erf(*x * core::f32::consts::FRAC_1_SQRT_2));
            }
        },
    );
}
