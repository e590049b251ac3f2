//! Patches, a row of pixels at a time.

use super::Params;

/// Writes the patches of `image` `[3, height, width]` to `patches` `[patches, patch_dim]`.
pub fn cpu(params: &Params, image: &[f32], patches: &mut [f32]) {
    let columns = params.width / params.patch;
    for (index, out) in patches.chunks_exact_mut(params.patch_dim()).enumerate() {
        let (top, left) = (
            index / columns * params.patch,
            index % columns * params.patch,
        );
        for (line, out) in out.chunks_exact_mut(params.patch).enumerate() {
            let (channel, y) = (line / params.patch, top + line % params.patch);
            let start = (channel * params.height + y) * params.width + left;
            out.copy_from_slice(&image[start..start + params.patch]);
        }
    }
}
