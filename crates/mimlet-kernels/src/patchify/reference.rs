//! Patches by the index formula.

use super::Params;

/// Writes the patches of `image` `[3, height, width]` to `patches` `[patches, patch_dim]`.
pub fn reference(params: &Params, image: &[f32], patches: &mut [f32]) {
    let columns = params.width / params.patch;
    let area = params.patch * params.patch;
    for (index, value) in patches.iter_mut().enumerate() {
        let (patch, within) = (index / params.patch_dim(), index % params.patch_dim());
        let (channel, pixel) = (within / area, within % area);
        let y = patch / columns * params.patch + pixel / params.patch;
        let x = patch % columns * params.patch + pixel % params.patch;
        *value = image[(channel * params.height + y) * params.width + x];
    }
}
