//! Exact products of signed bytes: rows of activations against a panel of sixteen weight rows.

use super::Level;
use super::level::Kind;

/// Rows per tile; remainders go one row at a time.
pub(crate) const TILE_ROWS: usize = 6;

/// The i32 products of `R` rows with sixteen weight rows.
pub(crate) type Tile<const R: usize> = [[i32; 16]; R];

/// Quantised rows as [`crate::quantize_rows`] writes them: words of four bytes, then the scale and
/// the zero point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Q8Rows<'a> {
    words: &'a [u32],
    stride: usize,
}

impl<'a> Q8Rows<'a> {
    /// Rows of `stride` words, the last two of which are the bits of the scale and the zero point.
    pub(crate) fn new(words: &'a [u32], stride: usize) -> Self {
        Self { words, stride }
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.words.len() / self.stride
    }

    /// The bytes of a row, four a word.
    #[inline(always)]
    pub(crate) fn words(&self, row: usize) -> &'a [u32] {
        &self.words[row * self.stride..][..self.stride - 2]
    }

    /// The scale of a row.
    #[inline(always)]
    pub(crate) fn scale(&self, row: usize) -> f32 {
        f32::from_bits(self.words[(row + 1) * self.stride - 2])
    }

    /// The zero point of a row.
    #[inline(always)]
    pub(crate) fn zero_point(&self, row: usize) -> i32 {
        self.words[(row + 1) * self.stride - 1].cast_signed()
    }
}

/// Calls `emit(row, products)` for each row of `x` with its products with a panel.
#[inline(always)]
pub(crate) fn q8_rows(
    level: Level,
    x: &Q8Rows<'_>,
    panel: &[i8],
    mut emit: impl FnMut(usize, [i32; 16]),
) {
    let rows = x.rows();
    let mut row = 0;
    while row + TILE_ROWS <= rows {
        let products: Tile<TILE_ROWS> = tile(level, x, row, panel);
        for (offset, products) in products.into_iter().enumerate() {
            emit(row + offset, products);
        }
        row += TILE_ROWS;
    }
    while row < rows {
        let [products] = tile::<1>(level, x, row, panel);
        emit(row, products);
        row += 1;
    }
}

/// Words of ones in [`ONES`].
pub(super) const ONES_WORDS: usize = 256;

/// A row of bytes that are all one, as many as are ever multiplied at a time.
static ONES: [u32; ONES_WORDS + 2] = [0x0101_0101; ONES_WORDS + 2];

/// The row of ones.
#[inline(always)]
pub(super) fn ones() -> Q8Rows<'static> {
    Q8Rows::new(&ONES, ONES.len())
}

/// The sum of each of a panel's sixteen weight rows.
#[inline(always)]
pub(crate) fn q8_weight_sums(level: Level, panel: &[i8]) -> [i32; 16] {
    let mut sums = [0; 16];
    for part in panel.chunks(ONES_WORDS * 64) {
        let [of_part] = tile::<1>(level, &ones(), 0, part);
        for (sum, of_part) in sums.iter_mut().zip(of_part) {
            *sum += of_part;
        }
    }
    sums
}

#[inline(always)]
fn tile<const R: usize>(level: Level, x: &Q8Rows<'_>, first: usize, panel: &[i8]) -> Tile<R> {
    match level.kind() {
        Kind::Baseline => tile_baseline(x, first, panel),
        // SAFETY: a `Level` of this kind exists only on a machine with AVX2.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 => unsafe { super::x86_64::tile_avx2(x, first, panel) },
        // SAFETY: a `Level` of this kind exists only on a machine with AVX-512 and VNNI.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512 => unsafe { super::x86_64::tile_avx512(x, first, panel) },
    }
}

/// The products in plain Rust.
fn tile_baseline<const R: usize>(x: &Q8Rows<'_>, first: usize, panel: &[i8]) -> Tile<R> {
    let mut sums = [[0i32; 16]; R];
    for (group, weights) in panel.chunks_exact(64).enumerate() {
        for (r, sums) in sums.iter_mut().enumerate() {
            let bytes = x.words(first + r)[group]
                .to_le_bytes()
                .map(|b| i32::from(b.cast_signed()));
            for (sum, weights) in sums.iter_mut().zip(weights.chunks_exact(4)) {
                for (byte, &weight) in bytes.into_iter().zip(weights) {
                    *sum += byte * i32::from(weight);
                }
            }
        }
    }
    sums
}
