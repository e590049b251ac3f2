//! Exact products of bytes, four inputs at a time: VNNI's `vpdpbusd`, Arm's `sdot`.

use super::lanes16::{IntegerSink, Integers16};
use super::tile::{by_height, opaque};
use core::array::from_fn;

/// Sixteen i32 sums in registers, and how quads are multiplied.
pub(super) trait Quads16: Integers16 {
    /// Sixteen quads of weights in registers.
    type Weights: Copy;
    /// What is added to each signed weight before it is multiplied: 128 where the instruction takes
    /// unsigned weights, else 0.
    const OFFSET: i32;
    /// The quads of signed weights of sixteen channels, with the offset.
    fn weights(from: &[i8; 64]) -> Self::Weights;
    /// The quads of weights 0 to 15.
    fn nibbles(from: &[u8; 64]) -> Self::Weights;
    /// Adds to each lane the four products of its quad with the signed bytes of `quad`, the first
    /// lowest.
    fn add_products(self, quad: u32, weights: Self::Weights) -> Self;
}

/// Quantised rows as [`crate::quantize_rows`] writes them: words of four bytes, then the scale and
/// the zero point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByteRows<'a> {
    words: &'a [u32],
    stride: usize,
}

impl<'a> ByteRows<'a> {
    /// Rows of `stride` words, the last two of which are the bits of the scale and the zero point.
    pub(crate) fn new(words: &'a [u32], stride: usize) -> Self {
        Self { words, stride }
    }

    /// Number of rows.
    pub(crate) fn count(&self) -> usize {
        self.words.len() / self.stride
    }

    /// The bytes of a row, four a word.
    #[inline(always)]
    pub(crate) fn quads(&self, row: usize) -> &'a [u32] {
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

/// Gives `sink` the products of each row with each panel `[quads][16][4]`; `row_sums` holds the sum of
/// each row's bytes. Tiles are `H` rows high and `P` panels wide.
///
/// # Safety
/// The machine must have the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn products<V: Quads16, const H: usize, const P: usize>(
    x: ByteRows<'_>,
    row_sums: &[i32],
    panels: &[[i8; 64]],
    sink: &mut impl IntegerSink,
) {
    let count = panels.len() / x.quads(0).len();
    let mut panel = 0;
    while panel + P <= count {
        // SAFETY: the caller's promise.
        by_height!(H, x.count(), |row, R| unsafe {
            tile::<V, R, P>(x, row_sums, panels, [row, panel], sink)
        });
        panel += P;
    }
    while panel < count {
        // SAFETY: as above.
        by_height!(H, x.count(), |row, R| unsafe {
            tile::<V, R, 1>(x, row_sums, panels, [row, panel], sink)
        });
        panel += 1;
    }
}

#[inline(always)]
unsafe fn tile<V: Quads16, const R: usize, const P: usize>(
    x: ByteRows<'_>,
    row_sums: &[i32],
    panels: &[[i8; 64]],
    [row, panel]: [usize; 2],
    sink: &mut impl IntegerSink,
) {
    let quads = x.quads(row).len();
    let rows: [*const u32; R] = from_fn(|r| opaque(x.quads(row + r).as_ptr()));
    let columns: [&[[i8; 64]]; P] = from_fn(|p| &panels[(panel + p) * quads..][..quads]);
    let offsets: [i32; R] = from_fn(|r| row_sums[row + r] * -V::OFFSET);
    // SAFETY: the caller promises the instructions; rows and columns are `quads` long.
    unsafe {
        let mut sums = [[V::splat(0); P]; R];
        for (r, sums) in sums.iter_mut().enumerate() {
            for (p, sum) in sums.iter_mut().enumerate() {
                let start: V = sink.start(row + r, panel + p);
                *sum = start.add(V::splat(offsets[r]));
            }
        }
        for index in 0..quads {
            let mut weights = [V::weights(columns[0].get_unchecked(index)); P];
            for (weights, columns) in weights.iter_mut().zip(columns).skip(1) {
                *weights = V::weights(columns.get_unchecked(index));
            }
            for r in 0..R {
                let quad = *rows[r].add(index);
                for p in 0..P {
                    sums[r][p] = sums[r][p].add_products(quad, weights[p]);
                }
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            for (p, sum) in sums.into_iter().enumerate() {
                sink.write(row + r, panel + p, sum);
            }
        }
    }
}
