//! Fixed two-dimensional sine-cosine positions, as in MAE's `get_2d_sincos_pos_embed`.

/// `[1 + grid * grid, dim]`, row-major; row 0, the class token's, is zero.
///
/// The first half of a row encodes the patch's column, the second its row; each half is sines
/// then cosines of `position / 10000^(i / (dim / 4))`. `dim` is a multiple of 4.
pub fn sin_cos(grid: usize, dim: usize) -> Vec<f32> {
    let quarter = dim / 4;
    let mut table = vec![0.0; dim];
    for patch in 0..grid * grid {
        for position in [patch % grid, patch / grid] {
            let angle = |i: usize| position as f64 / 10_000f64.powf(i as f64 / quarter as f64);
            table.extend((0..quarter).map(|i| angle(i).sin() as f32));
            table.extend((0..quarter).map(|i| angle(i).cos() as f32));
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let table = sin_cos(3, 8);
        assert_eq!(table.len(), 10 * 8);
        assert_eq!(table[..8], [0.0; 8]);
        // Patch 5 of a 3 x 3 grid: column 2, row 1.
        let row = &table[6 * 8..7 * 8];
        let expected = [2f32.sin(), 0.02f32.sin(), 2f32.cos(), 0.02f32.cos()];
        assert!(
            row[..4]
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-6)
        );
        assert!((row[4] - 1f32.sin()).abs() < 1e-6);
    }
}
