//! Pixels to normalised patches.

use crate::config::ModelConfig;

/// Writes the normalised patches of one u8 `[size, size, 3]` image into `out`, f32
/// `[patches, 3 * p * p]`: patches row by row, each flattened (channel, row, column) as the
/// convolution weight `[D, 3, p, p]` is.
///
/// # Panics
/// When a length does not match `model`.
pub fn write_patches(model: &ModelConfig, image: &[u8], out: &mut [f32]) {
    let (size, side) = (model.image_size, model.patch_size);
    assert_eq!(image.len(), size * size * 3, "image bytes");
    assert_eq!(out.len(), size * size * 3, "patch values");
    let table = value_table(model);
    let grid = size / side;
    for (index, patch) in out.chunks_exact_mut(model.patch_dim()).enumerate() {
        let (top, left) = (index / grid * side, index % grid * side);
        for (channel, plane) in patch.chunks_exact_mut(side * side).enumerate() {
            for (row, line) in plane.chunks_exact_mut(side).enumerate() {
                let start = ((top + row) * size + left) * 3 + channel;
                for (value, &pixel) in line.iter_mut().zip(image[start..].iter().step_by(3)) {
                    *value = table[channel][pixel as usize];
                }
            }
        }
    }
}

/// `(v / 255 - mean) / std` for each channel and level.
fn value_table(model: &ModelConfig) -> [[f32; 256]; 3] {
    std::array::from_fn(|c| {
        std::array::from_fn(|v| (v as f32 / 255.0 - model.mean[c]) / model.std[c])
    })
}
