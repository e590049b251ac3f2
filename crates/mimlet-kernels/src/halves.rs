//! Half-precision numbers, many at a time.

use crate::math::f16_to_f32;
use crate::simd::Level;

/// Writes the values of f16 bits to `floats`, exactly.
///
/// ```
/// use mimlet_kernels::{Level, halves};
/// let mut floats = [0.0; 2];
/// halves::widen(Level::detect(), &[0x3c00, 0xc000], &mut floats);
/// assert_eq!(floats, [1.0, -2.0]);
/// ```
///
/// # Panics
/// When the lengths differ.
pub fn widen(level: Level, halves: &[u16], floats: &mut [f32]) {
    assert_eq!(halves.len(), floats.len());
    let done = crate::simd::widen_halves(level, halves, floats);
    for (value, &bits) in floats[done..].iter_mut().zip(&halves[done..]) {
        *value = f16_to_f32(bits);
    }
}

#[cfg(test)]
mod tests {
    use super::widen;
    use crate::math::f16_to_f32;
    use crate::simd::Level;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn every_level_reads_every_half_precision_number_exactly() {
        // One more than a multiple of any vector's length.
        let halves: Vec<u16> = (0..=u16::MAX).chain([0x3c00]).collect();
        for level in Level::available() {
            let mut floats = vec![0.0; halves.len()];
            widen(level, &halves, &mut floats);
            for (&bits, read) in halves.iter().zip(floats) {
                let expected = f16_to_f32(bits);
                assert!(
                    read.to_bits() == expected.to_bits() || read.is_nan() && expected.is_nan(),
                    "{bits:#x} at {}: {read}",
                    level.name()
                );
            }
        }
    }
}
