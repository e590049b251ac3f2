//! Quantisation by the formula, a value at a time.

use super::{Params, row_words};

/// Writes the quantised rows `[rows, row_words]` of `x` `[rows, dim]`.
pub fn reference(params: &Params, x: &[f32], quantized: &mut [u32]) {
    let words = row_words(params.dim);
    for (x, row) in x.chunks(params.dim).zip(quantized.chunks_mut(words)) {
        row.fill(0);
        let largest = x
            .iter()
            .fold(0.0f32, |largest, value| largest.max(value.abs()));
        row[words - 1] = (largest / 127.0).to_bits();
        if largest == 0.0 {
            continue;
        }
        let steps = 127.0 / largest;
        for (k, &value) in x.iter().enumerate() {
            let byte = libm::rintf(value * steps).clamp(-127.0, 127.0) as i8;
            row[k / 4] |= u32::from(byte.cast_unsigned()) << (k % 4 * 8);
        }
    }
}
