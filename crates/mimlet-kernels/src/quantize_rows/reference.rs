//! Quantisation by the formula, a value at a time.

use super::{Params, row_words};

/// Writes the quantised rows `[rows, row_words]` of `x` `[rows, dim]`.
pub fn reference(params: &Params, x: &[f32], quantized: &mut [u32]) {
    let words = row_words(params.dim);
    for (x, row) in x.chunks(params.dim).zip(quantized.chunks_mut(words)) {
        row.fill(0);
        let low = x.iter().fold(f32::INFINITY, |low, &x| low.min(x));
        let high = x.iter().fold(f32::NEG_INFINITY, |high, &x| high.max(x));
        let middle = low / 2.0 + high / 2.0;
        let half = (high - middle).max(middle - low);
        row[words - 1] = middle.to_bits();
        if half == 0.0 {
            continue;
        }
        row[words - 2] = (half / 127.0).to_bits();
        let steps = 127.0 / half;
        for (k, &value) in x.iter().enumerate() {
            let byte = libm::rintf((value - middle) * steps).clamp(-127.0, 127.0) as i8;
            row[k / 4] |= u32::from(byte.cast_unsigned()) << (k % 4 * 8);
        }
    }
}
