//! Residual connection.

use crate::simd::Level;

/// Adds `branch` to `x`.
pub fn cpu(level: Level, branch: &[f32], x: &mut [f32]) {
    level.vectorize(
        #[inline(always)]
        || {
            for (x, branch) in x.iter_mut().zip(branch) {
                *x += branch;
            }
        },
    );
}
