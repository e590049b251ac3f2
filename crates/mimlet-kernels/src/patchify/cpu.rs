//! Patches, a row of pixels at a time.

use super::Params;
use crate::math;
use crate::simd::Level;

/// The value of each byte in each channel: `(byte / 255 - mean) / std`, as [`crate::normalize`]
/// computes it.
#[derive(Debug, Clone)]
pub struct Values([[f32; 256]; 3]);

impl Values {
    /// The values of a normalisation.
    #[must_use]
    pub fn new(mean: [f32; 3], std: [f32; 3]) -> Self {
        let value =
            |channel: usize, byte: usize| (byte as f32 / 255.0 - mean[channel]) / std[channel];
        Self(core::array::from_fn(|channel| {
            core::array::from_fn(|byte| value(channel, byte))
        }))
    }
}

/// Where a patch's first pixel lies: its row and column.
fn corner(params: &Params, index: usize) -> [usize; 2] {
    let columns = params.width / params.patch;
    [
        index / columns * params.patch,
        index % columns * params.patch,
    ]
}

/// Writes the patches of `image` `[3, height, width]` from patch `first` on to `patches` `[patches,
/// patch_dim]`, as many as it holds.
pub fn cpu(params: &Params, image: &[f32], first: usize, patches: &mut [f32]) {
    for (index, out) in patches.chunks_exact_mut(params.patch_dim()).enumerate() {
        let [top, left] = corner(params, first + index);
        for (line, out) in out.chunks_exact_mut(params.patch).enumerate() {
            let (channel, y) = (line / params.patch, top + line % params.patch);
            let start = (channel * params.height + y) * params.width + left;
            out.copy_from_slice(&image[start..start + params.patch]);
        }
    }
}

/// Rounds values to 13 significant bits, and to zero below `2^-60`: products with 16-bit floats are exact in
/// f32.
pub fn shorten(level: Level, patches: &mut [f32]) {
    level.vectorize(
        #[inline(always)]
        || {
            for value in patches {
                *value = math::shorten(*value);
            }
        },
    );
}

/// As [`cpu`], from `pixels` `[height, width, 3]`, normalised on the way.
pub fn from_pixels(
    params: &Params,
    pixels: &[u8],
    Values(values): &Values,
    first: usize,
    patches: &mut [f32],
) {
    for (index, out) in patches.chunks_exact_mut(params.patch_dim()).enumerate() {
        let [top, left] = corner(params, first + index);
        for (line, out) in out.chunks_exact_mut(params.patch).enumerate() {
            let (channel, y) = (line / params.patch, top + line % params.patch);
            let start = (y * params.width + left) * 3;
            let pixels = pixels[start..start + 3 * params.patch].as_chunks::<3>().0;
            for (out, pixel) in out.iter_mut().zip(pixels) {
                *out = values[channel][usize::from(pixel[channel])];
            }
        }
    }
}
