//! Exact products of 16-bit integers, two inputs at a time (x86's `pmaddwd` and `vpdpwssd`, wasm's
//! `i32x4.dot_i16x8`): those of attention in whole numbers, and of widened bytes on machines without dot
//! products of bytes.

use super::lanes16::{IntegerSink, Integers16, Place};
use super::tile::{by_height, opaque};
use core::array::from_fn;

/// How pairs are multiplied.
pub(super) trait Pairs {
    /// Sixteen i32 sums in registers.
    type Sums: Integers16;
    /// Sixteen pairs of weights in registers.
    type Weights: Copy;
    /// The pairs of weights of sixteen channels.
    fn weights(from: &[i16; 32]) -> Self::Weights;
    /// Adds to each lane the two products of its pair with the inputs of `pair`, the first in the low
    /// half.
    fn add_products(sums: Self::Sums, pair: u32, weights: Self::Weights) -> Self::Sums;

    /// Adds the products of each row with the columns of a panel to their sums.
    ///
    /// # Safety
    /// The machine must have the instructions of the type; rows must be as long as `columns`.
    #[inline(always)]
    unsafe fn add_columns<const R: usize>(
        rows: [*const u32; R],
        columns: &[[i16; 32]],
        sums: &mut [Self::Sums; R],
    ) {
        for (index, weights) in columns.iter().enumerate() {
            let weights = Self::weights(weights);
            for r in 0..R {
                // SAFETY: the caller promises rows as long as `columns`.
                let pair = unsafe { *rows[r].add(index) };
                sums[r] = Self::add_products(sums[r], pair, weights);
            }
        }
    }
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

/// A pair's numbers as bytes: the low ones, signed, and what then is above them. The numbers are at most
/// 32,639.
#[inline(always)]
fn split(pair: [i16; 2]) -> ([i8; 2], [i8; 2]) {
    (
        pair.map(|number| number as i8),
        pair.map(|number| (number.wrapping_add(128) >> 8) as i8),
    )
}

/// Turns each two columns of pairs into two of quads, `[16][4]`: the low bytes of both, then the others.
pub(super) fn split_columns(columns: &mut [[i16; 32]]) {
    for columns in columns.as_chunks_mut::<2>().0 {
        let [first, second] = *columns;
        let [low, high]: &mut [[[i8; 4]; 16]; 2] = bytemuck::cast_mut(columns);
        let pairs = first.as_chunks::<2>().0.iter().zip(second.as_chunks().0);
        for ((low, high), (&first, &second)) in low.iter_mut().zip(high).zip(pairs) {
            let (([a, b], [e, f]), ([c, d], [g, h])) = (split(first), split(second));
            (*low, *high) = ([a, b, c, d], [e, f, g, h]);
        }
    }
}

/// Turns each two words of rows of pairs into two quads: the low bytes of both, then the others.
pub(super) fn split_rows(words: &mut [u32]) {
    for words in words.as_chunks_mut::<2>().0 {
        let [first, second]: [[i16; 2]; 2] = bytemuck::cast(*words);
        let (([a, b], [e, f]), ([c, d], [g, h])) = (split(first), split(second));
        *words = bytemuck::cast([[a, b, c, d], [e, f, g, h]]);
    }
}

/// Panels of `pairs` columns, one after another: `[panels][pairs][16][2]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PairPanels<'a> {
    /// Columns of sixteen pairs.
    pub(crate) columns: &'a [[i16; 32]],
    /// Columns of a panel: an even number, at least 2.
    pub(crate) pairs: usize,
}

/// Gives `sink` the products of each row with each panel. Tiles are `H` rows high.
///
/// # Safety
/// The machine must have the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn products<V: Pairs, const H: usize>(
    x: PairRows<'_>,
    panels: PairPanels<'_>,
    sink: &mut impl IntegerSink,
) {
    for panel in 0..panels.columns.len() / panels.pairs {
        // SAFETY: the caller's promise.
        by_height!(H, x.count, |row, R| unsafe {
            tile::<V, R>(x, panels, [row, panel], sink)
        });
    }
}

#[inline(always)]
pub(super) unsafe fn tile<V: Pairs, const R: usize>(
    x: PairRows<'_>,
    panels: PairPanels<'_>,
    [row, panel]: [usize; 2],
    sink: &mut impl IntegerSink,
) {
    let columns = &panels.columns[panel * panels.pairs..][..panels.pairs];
    let rows: [*const u32; R] =
        from_fn(|r| opaque(x.words[(row + r) * x.stride..][..columns.len()].as_ptr()));
    // SAFETY: the caller promises the instructions; each row is as long as `columns`.
    unsafe {
        let mut sums = [V::Sums::splat(0); R];
        V::add_columns::<R>(rows, columns, &mut sums);
        let place = Place {
            row,
            rows: R,
            panel,
        };
        sink.write::<V::Sums, 1>(place, |r| [sums[r]]);
    }
}
