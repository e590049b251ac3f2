//! GELU from a tail of the normal distribution that vectorises.

use crate::math::normal_tail;
use crate::simd::Level;

/// Overwrites each value with its GELU.
pub fn cpu(level: Level, x: &mut [f32]) {
    level.vectorize(
        #[inline(always)]
        || {
            for x in x.iter_mut() {
                let magnitude = x.abs();
                let positive = if *x > 0.0 { *x } else { 0.0 };
                *x = positive - magnitude * normal_tail(magnitude);
            }
        },
    );
}
