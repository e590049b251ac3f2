//! Quantisation by the formula, a value at a time.

use super::{Params, row_words};

/// Writes the quantised rows `[rows, row_words]` of `x` `[rows, dim]`.
pub fn reference(params: &Params, x: &[f32], quantized: &mut [u32]) {
    let words = row_words(params.dim);
    for (x, row) in x.chunks(params.dim).zip(quantized.chunks_mut(words)) {
        row.fill(0);
        let low = x.iter().fold(0.0_f32, |low, &x| low.min(x));
        let high = x.iter().fold(0.0_f32, |high, &x| high.max(x));
        let half = high / 2.0 - low / 2.0;
        if half == 0.0 {
            continue;
        }
        row[words - 2] = (half / 127.0).to_bits();
        let steps = 127.0 / half;
        let zero_point = libm::rintf((low / 2.0 + high / 2.0) * steps);
        row[words - 1] = (zero_point as i32).cast_unsigned();
        for (k, &value) in x.iter().enumerate() {
            let byte = (libm::rintf(value * steps) - zero_point).clamp(-127.0, 127.0) as i8;
            row[k / 4] |= u32::from(byte.cast_unsigned()) << (k % 4 * 8);
        }
    }
}
