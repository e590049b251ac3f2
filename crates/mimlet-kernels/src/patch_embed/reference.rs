//! Patch embedding in f64 on a row-major weight.

use super::Params;

/// Writes the residual stream of `patches` `[patches, patch_dim]`; `weight` is
/// `[embed_dim, patch_dim]`, `table` and `out` are `[prefix + patches, embed_dim]`.
pub fn reference(params: &Params, patches: &[f32], weight: &[f32], table: &[f32], out: &mut [f32]) {
    for (index, out) in out.iter_mut().enumerate() {
        let (token, channel) = (index / params.embed_dim, index % params.embed_dim);
        let mut sum = f64::from(table[index]);
        if token >= params.prefix {
            let patch = &patches[(token - params.prefix) * params.patch_dim..][..params.patch_dim];
            let weight = &weight[channel * params.patch_dim..][..params.patch_dim];
            for (&x, &w) in patch.iter().zip(weight) {
                sum += f64::from(x) * f64::from(w);
            }
        }
        *out = sum as f32;
    }
}
