//! Products of f32: rows of activations against panels of sixteen weight rows, each sum in the order
//! of the inputs.

use super::lanes16::{FloatSink, Floats16, Place};
use super::tile::{by_height, opaque};
use core::array::from_fn;

/// Sixteen sums in registers, and how columns are multiplied with them.
pub(super) trait ColumnProducts: Floats16 {
    /// Adds the products of each row with each panel's columns to their sums, in order.
    ///
    /// # Safety
    /// The machine must have the instructions of the type; the panels must have as many columns as
    /// each other, and rows at least as many values.
    #[inline(always)]
    unsafe fn add_columns<const R: usize, const P: usize, const FUSED: bool>(
        rows: [*const f32; R],
        columns: [&[[f32; 16]]; P],
        sums: &mut [[Self; P]; R],
    ) {
        // SAFETY: the caller's promise.
        unsafe { add_one_by_one::<Self, R, P, FUSED>(rows, columns, 0, sums) }
    }
}

/// Adds the products with columns `from..`, a column at a time.
///
/// # Safety
/// As of [`ColumnProducts::add_columns`].
#[inline(always)]
pub(super) unsafe fn add_one_by_one<
    V: Floats16,
    const R: usize,
    const P: usize,
    const FUSED: bool,
>(
    rows: [*const f32; R],
    columns: [&[[f32; 16]]; P],
    from: usize,
    sums: &mut [[V; P]; R],
) {
    for column in from..columns[0].len() {
        // SAFETY: the caller promises as many columns and values.
        unsafe {
            let mut weights = [V::splat(0.0); P];
            for (weights, columns) in weights.iter_mut().zip(columns) {
                *weights = V::load(columns.get_unchecked(column));
            }
            for r in 0..R {
                let value = V::splat(*rows[r].add(column));
                for p in 0..P {
                    sums[r][p] = sums[r][p].add_product::<FUSED>(value, weights[p]);
                }
            }
        }
    }
}

/// Rows of floats inside a wider matrix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// Values, from the first of the first row.
    pub(crate) values: &'a [f32],
    /// Distance between rows.
    pub(crate) stride: usize,
    /// Number of rows.
    pub(crate) count: usize,
}

/// Panels of `k` columns, one after another: `[panels][k][16]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FloatPanels<'a> {
    /// Columns of sixteen.
    pub(crate) columns: &'a [[f32; 16]],
    /// Columns of a panel, at least 1.
    pub(crate) k: usize,
}

/// Gives `sink` the products of each row with each panel. Tiles are `H` rows high and `P` panels wide.
///
/// # Safety
/// The machine must have the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn products<
    V: ColumnProducts,
    const H: usize,
    const P: usize,
    const FUSED: bool,
>(
    x: Rows<'_>,
    panels: FloatPanels<'_>,
    sink: &mut impl FloatSink,
) {
    let count = panels.columns.len() / panels.k;
    let mut panel = 0;
    while panel + P <= count {
        // SAFETY: the caller's promise.
        by_height!(H, x.count, |row, R| unsafe {
            tile::<V, R, P, FUSED>(x, panels, [row, panel], sink)
        });
        panel += P;
    }
    while panel < count {
        // SAFETY: as above.
        by_height!(H, x.count, |row, R| unsafe {
            tile::<V, R, 1, FUSED>(x, panels, [row, panel], sink)
        });
        panel += 1;
    }
}

#[inline(always)]
pub(super) unsafe fn tile<V: ColumnProducts, const R: usize, const P: usize, const FUSED: bool>(
    x: Rows<'_>,
    panels: FloatPanels<'_>,
    [row, panel]: [usize; 2],
    sink: &mut impl FloatSink,
) {
    let k = panels.k;
    let rows: [*const f32; R] = from_fn(|r| opaque(x.values[(row + r) * x.stride..][..k].as_ptr()));
    let columns: [&[[f32; 16]]; P] = from_fn(|p| &panels.columns[(panel + p) * k..][..k]);
    // SAFETY: the caller promises the instructions; rows and columns are `k` long.
    unsafe {
        let mut sums = [[V::splat(0.0); P]; R];
        if !sink.starts_at_zero() {
            let channels: [_; P] = from_fn(|p| sink.channels(panel + p));
            for (r, sums) in sums.iter_mut().enumerate() {
                for (p, sum) in sums.iter_mut().enumerate() {
                    *sum = sink.start(row + r, panel + p, channels[p]);
                }
            }
        }
        V::add_columns::<R, P, FUSED>(rows, columns, &mut sums);
        let place = Place {
            row,
            rows: R,
            panel,
        };
        sink.write::<_, P>(place, |r| sums[r]);
    }
}
