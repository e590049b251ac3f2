//! Rows of activations as the integer kernels see them.

use mimlet_kernels::{Level, quantize_rows};

/// What rows `[rows, dim]` become when they are rounded to bytes and back.
pub(crate) fn rounded_rows(level: Level, rows: &[f32], dim: usize) -> Vec<f32> {
    let params = quantize_rows::Params { dim };
    let words = quantize_rows::row_words(dim);
    let mut quantized = vec![0; rows.len() / dim * words];
    quantize_rows::cpu(level, &params, rows, &mut quantized);
    let mut rounded = Vec::with_capacity(rows.len());
    for row in quantized.chunks_exact(words) {
        let (bytes, affine) = row.split_at(words - 2);
        let (scale, zero_point) = (f32::from_bits(affine[0]), affine[1].cast_signed());
        let bytes: &[i8] = bytemuck::cast_slice(bytes);
        let value = |&byte: &i8| (i32::from(byte) + zero_point) as f32 * scale;
        rounded.extend(bytes[..dim].iter().map(value));
    }
    rounded
}

#[cfg(test)]
mod tests {
    use super::rounded_rows;
    use mimlet_kernels::Level;

    #[test]
    fn rows_come_back_to_half_a_step_of_their_range_with_zero() {
        let rows = [-0.17_f32, 0.0, 3.0, 8.0, 0.1, 95.0, 96.0, 97.0, 96.5, 95.25];
        let rounded = rounded_rows(Level::detect(), &rows, 5);
        for (row, (spread, rounded)) in [8.17, 97.0].into_iter().zip(rounded.chunks(5)).enumerate()
        {
            for (value, rounded) in rows[row * 5..].iter().zip(rounded) {
                let step = spread / 254.0;
                assert!(
                    (value - rounded).abs() <= step / 2.0 * 1.001,
                    "{value} {rounded}"
                );
            }
        }
    }
}
