//! Products of bytes with 4-bit weights: exact in i32 within a group of inputs, scaled and summed in
//! f32 over the groups, in order.

use super::lanes16::{FloatSink, Floats16, Integers16, Place};
use super::quad_tile::ByteRows;
use super::tile::{by_height, opaque};
use core::array::from_fn;

/// What the stored weights 0 to 15 are above the real ones.
pub(crate) const NIBBLE_OFFSET: i32 = 8;

/// Exact products of rows with one group's weights.
///
/// # Safety
/// Every function needs a machine with the instructions of the type's file.
pub(super) trait Nibbles {
    /// Sums in registers.
    type Sums: Integers16;
    /// Adds to `sums` the products of `R` rows with a group's quads of weights 0 to 15; each row is as
    /// long as `weights`, at most 16.
    unsafe fn add_group<const R: usize>(
        rows: [*const u32; R],
        weights: &[[u8; 64]],
        sums: &mut [Self::Sums; R],
    );
}

/// A panel of 4-bit weights, decoded, or some groups of its columns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NibblePanel<'a> {
    /// Weights plus 8: `[quads][16][4]`.
    pub(crate) weights: &'a [[u8; 64]],
    /// The groups' scales.
    pub(crate) scales: &'a [[f32; 16]],
    /// Quads of a group: 8 or 16. The last group may be short.
    pub(crate) group: usize,
    /// Quads of a row before the panel's first.
    pub(crate) first_quad: usize,
}

/// What each row's sums begin with in each group: `-`[`NIBBLE_OFFSET`] times the sum of its bytes there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupOffsets<'a> {
    /// `[rows, groups]`.
    pub(crate) starts: &'a [i32],
    /// Groups of a row.
    pub(crate) stride: usize,
}

/// Gives `sink` the products of each row with panel number `panel`, `sum_g (s_g * sum_k x_k w_k)`, group
/// by group. Tiles are `H` rows high.
///
/// # Safety
/// The machine must have the instructions of `N`.
#[inline(always)]
pub(super) unsafe fn products<N: Nibbles, const H: usize>(
    x: ByteRows<'_>,
    panel: usize,
    columns: NibblePanel<'_>,
    offsets: GroupOffsets<'_>,
    sink: &mut impl FloatSink,
) {
    // SAFETY: the caller's promise.
    by_height!(H, x.count(), |row, R| unsafe {
        tile::<N, R>(x, [row, panel], columns, offsets, sink)
    });
}

#[inline(always)]
unsafe fn tile<N: Nibbles, const R: usize>(
    x: ByteRows<'_>,
    [row, panel]: [usize; 2],
    columns: NibblePanel<'_>,
    offsets: GroupOffsets<'_>,
    sink: &mut impl FloatSink,
) {
    let quads = columns.weights.len();
    let mut rows: [*const u32; R] =
        from_fn(|r| opaque(x.quads(row + r)[columns.first_quad..][..quads].as_ptr()));
    let groups = columns.weights.chunks(columns.group).zip(columns.scales);
    let count = quads.div_ceil(columns.group);
    let starts: [&[i32]; R] = from_fn(|r| {
        let first = (row + r) * offsets.stride + columns.first_quad / columns.group;
        &offsets.starts[first..][..count]
    });
    // SAFETY: the caller promises the instructions; rows are as long as all groups together.
    unsafe {
        type F<N> = <<N as Nibbles>::Sums as Integers16>::Floats;
        let mut totals = [F::<N>::splat(0.0); R];
        let channels = sink.channels(panel);
        for (r, total) in totals.iter_mut().enumerate() {
            *total = sink.start(row + r, panel, channels);
        }
        for (index, (weights, scales)) in groups.enumerate() {
            let mut dots = [N::Sums::splat(0); R];
            for (dots, starts) in dots.iter_mut().zip(starts) {
                *dots = N::Sums::splat(starts[index]);
            }
            N::add_group(rows, weights, &mut dots);
            let scales = F::<N>::load(scales);
            for r in 0..R {
                let product = dots[r].to_floats().mul(scales);
                totals[r] = totals[r].add(product);
                rows[r] = rows[r].add(weights.len());
            }
        }
        let place = Place {
            row,
            rows: R,
            panel,
        };
        sink.write::<_, 1>(place, |r| [totals[r]]);
    }
}
