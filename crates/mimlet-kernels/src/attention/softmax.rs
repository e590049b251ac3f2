//! The exponentials of a row of scores.

use super::Params;
use crate::{lanes, math};

/// Overwrites a row of scores with `e^(score - largest)` and returns their sum.
#[inline(always)]
pub(super) fn exponentials(row: &mut [f32]) -> f32 {
    let largest = lanes::max(f32::NEG_INFINITY, row, |score| score);
    for score in row.iter_mut() {
        *score = math::exp(*score - largest);
    }
    lanes::sum(row, |weight| weight)
}

/// Rows of each block of `tokens`: `block_rows` of them, but for the last.
pub(super) fn blocks(
    params: &Params,
    block_rows: usize,
) -> impl Iterator<Item = usize> + Clone + use<> {
    let tokens = params.tokens;
    (0..tokens)
        .step_by(block_rows)
        .map(move |first| block_rows.min(tokens - first))
}
