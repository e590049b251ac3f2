//! The innermost loop: a tile of `C`, held in vector registers over the whole depth.

use pulp::Simd;

/// Where the tile's sums go: row `i` begins at `sums[i * stride]`.
pub(super) struct Tile<'a> {
    pub(super) sums: &'a mut [f32],
    pub(super) stride: usize,
    /// Rows and columns that exist; the rest of the tile is padding.
    pub(super) rows: usize,
    pub(super) width: usize,
}

/// `R` elements of the left-hand side for each `k`.
pub(super) trait Source<const R: usize> {
    fn column(&self, k: usize) -> [f32; R];
}

/// Row by row, all of the tile's depth.
pub(super) struct Rows<'a, const R: usize>(pub(super) [&'a [f32]; R]);

impl<const R: usize> Source<R> for Rows<'_, R> {
    #[inline(always)]
    fn column(&self, k: usize) -> [f32; R] {
        let mut column = [0.0; R];
        for (value, row) in column.iter_mut().zip(&self.0) {
            *value = row[k];
        }
        column
    }
}

/// Columns that lie one after the other.
pub(super) struct Columns<'a, const R: usize>(pub(super) &'a [[f32; R]]);

impl<const R: usize> Source<R> for Columns<'_, R> {
    #[inline(always)]
    fn column(&self, k: usize) -> [f32; R] {
        self.0[k]
    }
}

/// Adds the products of `left` and `right`, `depth` rows of two vectors, to the tile.
#[inline(always)]
pub(super) fn run<S: Simd, const R: usize, L: Source<R>>(
    simd: S,
    left: L,
    right: &[f32],
    depth: usize,
    tile: Tile<'_>,
) {
    let (vectors, _) = S::as_simd_f32s(right);
    let (pairs, _) = vectors.as_chunks::<2>();
    let pairs = &pairs[..depth];
    if tile.width > S::F32_LANES {
        let mut sums = [[simd.splat_f32s(0.0); 2]; R];
        for (k, pair) in pairs.iter().enumerate() {
            let column = left.column(k);
            for (sums, &value) in sums.iter_mut().zip(&column) {
                let factor = simd.splat_f32s(value);
                sums[0] = simd.mul_add_e_f32s(factor, pair[0], sums[0]);
                sums[1] = simd.mul_add_e_f32s(factor, pair[1], sums[1]);
            }
        }
        add(simd, &sums, tile);
    } else {
        let mut sums = [[simd.splat_f32s(0.0); 1]; R];
        for (k, pair) in pairs.iter().enumerate() {
            let column = left.column(k);
            for (sums, &value) in sums.iter_mut().zip(&column) {
                let factor = simd.splat_f32s(value);
                sums[0] = simd.mul_add_e_f32s(factor, pair[0], sums[0]);
            }
        }
        add(simd, &sums, tile);
    }
}

/// Adds registers to memory, leaving out the padding.
#[inline(always)]
fn add<S: Simd, const R: usize, const V: usize>(simd: S, sums: &[[S::f32s; V]; R], tile: Tile<'_>) {
    for (i, row) in sums.iter().enumerate() {
        if i >= tile.rows {
            break;
        }
        let start = i * tile.stride;
        let out = &mut tile.sums[start..start + tile.width];
        let (whole, rest) = S::as_mut_simd_f32s(out);
        for (v, &sum) in row.iter().enumerate() {
            if v < whole.len() {
                whole[v] = simd.add_f32s(whole[v], sum);
            } else if v == whole.len() && !rest.is_empty() {
                let sum = simd.add_f32s(simd.partial_load_f32s(rest), sum);
                simd.partial_store_f32s(rest, sum);
            }
        }
    }
}
