//! Exact products of widened bytes, two inputs at a time: what machines without dot products of bytes
//! have (x86's `pmaddwd`, wasm's `i32x4.dot_i16x8`).

use super::lanes16::{IntegerSink, Integers16, Place};
use super::tile::{by_height, opaque};
use core::array::from_fn;

/// Sixteen i32 sums in registers, and how pairs are multiplied.
pub(super) trait Pairs16: Integers16 {
    /// Sixteen pairs of weights in registers.
    type Weights: Copy;
    /// The pairs of weights of sixteen channels.
    fn weights(from: &[i16; 32]) -> Self::Weights;
    /// Adds to each lane the two products of its pair with the inputs of `pair`, the first in the low
    /// half.
    fn add_products(self, pair: u32, weights: Self::Weights) -> Self;
}

/// Rows of pairs of 16-bit integers, a word each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PairRows<'a> {
    /// Words, from the first of the first row.
    pub(crate) words: &'a [u32],
    /// Distance between rows.
    pub(crate) stride: usize,
    /// Number of rows.
    pub(crate) count: usize,
}

/// Gives `sink` the products of each row with panel number `panel`, whose pairs are `columns`
/// `[pairs][16][2]`. Tiles are `H` rows high.
///
/// # Safety
/// The machine must have the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn products<V: Pairs16, const H: usize>(
    x: PairRows<'_>,
    panel: usize,
    columns: &[[i16; 32]],
    sink: &mut impl IntegerSink,
) {
    // SAFETY: the caller's promise.
    by_height!(H, x.count, |row, R| unsafe {
        tile::<V, R>(x, [row, panel], columns, sink)
    });
}

#[inline(always)]
unsafe fn tile<V: Pairs16, const R: usize>(
    x: PairRows<'_>,
    [row, panel]: [usize; 2],
    columns: &[[i16; 32]],
    sink: &mut impl IntegerSink,
) {
    let rows: [*const u32; R] =
        from_fn(|r| opaque(x.words[(row + r) * x.stride..][..columns.len()].as_ptr()));
    // SAFETY: the caller promises the instructions; each row is as long as `columns`.
    unsafe {
        let mut sums = [V::splat(0); R];
        for (index, weights) in columns.iter().enumerate() {
            let weights = V::weights(weights);
            for r in 0..R {
                sums[r] = sums[r].add_products(*rows[r].add(index), weights);
            }
        }
        let place = Place {
            row,
            rows: R,
            panel,
        };
        sink.write::<_, 1>(place, |r| [sums[r]]);
    }
}
