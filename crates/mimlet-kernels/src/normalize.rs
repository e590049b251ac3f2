//! Pixels to the encoder's input: `(u8 / 255 - mean) / std` per channel, as torchvision's `ToTensor`
//! and `Normalize`.

use crate::simd::Level;

/// Writes the input `[3, height, width]` of `pixels` `[height, width, 3]`.
///
/// ```
/// use mimlet_kernels::{Level, normalize};
/// let mut input = [0.0; 3];
/// normalize::cpu(Level::detect(), &[255, 0, 51], [0.5, 0.5, 0.2], [0.5, 0.25, 1.0], &mut input);
/// assert_eq!(input, [1.0, -2.0, 0.0]);
/// ```
///
/// # Panics
/// When `pixels` and `input` differ in length or are no whole number of pixels.
pub fn cpu(level: Level, pixels: &[u8], mean: [f32; 3], std: [f32; 3], input: &mut [f32]) {
    assert_eq!(pixels.len(), input.len());
    assert_eq!(pixels.len() % 3, 0);
    level.vectorize(
        #[inline(always)]
        || {
            let planes = input.chunks_exact_mut((pixels.len() / 3).max(1));
            for (channel, plane) in planes.enumerate() {
                let (mean, std) = (mean[channel], std[channel]);
                for (value, pixel) in plane.iter_mut().zip(pixels.chunks_exact(3)) {
                    *value = (f32::from(pixel[channel]) / 255.0 - mean) / std;
                }
            }
        },
    );
}
