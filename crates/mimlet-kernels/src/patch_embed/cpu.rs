//! Patch embedding as a product with panels, added to the table.

use super::Params;
use crate::panel::{Panels, Rows, multiply_add};
use crate::simd::Level;

/// Writes tokens `first..` of the residual stream to `out` `[tokens, embed_dim]`, as many as `out`
/// holds; `patches` is `[patches, patch_dim]`, `table` `[prefix + patches, embed_dim]`.
pub fn cpu(
    level: Level,
    params: &Params,
    patches: &[f32],
    weight: Panels<'_>,
    table: &[f32],
    first: usize,
    out: &mut [f32],
) {
    out.copy_from_slice(&table[first * params.embed_dim..][..out.len()]);
    let skipped = params
        .prefix
        .saturating_sub(first)
        .min(out.len() / params.embed_dim);
    let out = &mut out[skipped * params.embed_dim..];
    let rows = out.len() / params.embed_dim;
    if rows == 0 {
        return;
    }
    let x = Rows {
        values: &patches[(first + skipped - params.prefix) * params.patch_dim..],
        stride: params.patch_dim,
    };
    let shape = [rows, params.patch_dim, params.embed_dim];
    level.vectorize(
        #[inline(always)]
        || multiply_add(x, weight, shape, out, params.embed_dim),
    );
}
