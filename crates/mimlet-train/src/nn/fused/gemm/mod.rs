//! Matrix products `C += A B` in f32, cut for registers and caches in the manner of BLIS (Van Zee
//! and van de Geijn 2015, doi 10.1145/2764454).
//!
//! The right-hand side lies in [`Panels`] of two vectors' width, packed once and read by any
//! number of tasks. The left-hand side is read where it lies: by rows for `X W`, by columns for
//! the `Y^T X` of a weight's gradient. Every element of `C` sums its products in the order of
//! `k`, whatever the number of threads and however `C` is divided among them.

mod micro;
mod panels;

use pulp::{Simd, WithSimd};

use super::vector::arch;
use micro::{Columns, Rows, Tile};
pub(super) use panels::Panels;

/// Depth of one pass: a right-hand panel of this depth stays in the first-level cache.
const DEPTH: usize = 256;
/// Columns packed together in [`multiply_transposed`].
const WIDTH: usize = 256;
/// Rows of a tile with sixteen vector registers: twelve sums, two right-hand vectors.
const ROWS: usize = 6;
/// Rows of a tile with thirty-two.
const MANY_ROWS: usize = 12;

/// A left-hand side, `[rows, depth]`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Left<'a> {
    /// Element `(i, k)` is `data[i * stride + k]`.
    ByRow {
        /// The elements.
        data: &'a [f32],
        /// From row to row.
        stride: usize,
    },
    /// Element `(i, k)` is `data[k * stride + i]`.
    ByColumn {
        /// The elements.
        data: &'a [f32],
        /// From column to column.
        stride: usize,
    },
}

/// `C += A B` for `rows` rows of `C`, of which row `i` begins at `sums[i * stride]`.
pub(super) fn multiply(
    left: Left<'_>,
    right: &Panels,
    rows: usize,
    sums: &mut [f32],
    stride: usize,
) {
    arch().dispatch(Multiply {
        left,
        right,
        rows,
        sums,
        stride,
    });
}

struct Multiply<'a> {
    left: Left<'a>,
    right: &'a Panels,
    rows: usize,
    sums: &'a mut [f32],
    stride: usize,
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT >= 32 {
            self.by_left::<S, MANY_ROWS>(simd);
        } else {
            self.by_left::<S, ROWS>(simd);
        }
    }
}

impl Multiply<'_> {
    #[inline(always)]
    fn by_left<S: Simd, const R: usize>(mut self, simd: S) {
        for first in (0..self.right.depth()).step_by(DEPTH) {
            let depth = DEPTH.min(self.right.depth() - first);
            match self.left {
                Left::ByRow { data, stride } => {
                    self.rows_pass::<S, R>(simd, data, stride, first, depth);
                }
                Left::ByColumn { data, stride } => {
                    self.columns_pass::<S, R>(simd, data, stride, first, depth);
                }
            }
        }
    }

    /// Panels outside, tiles inside: the panel stays in the first-level cache.
    #[inline(always)]
    fn rows_pass<S: Simd, const R: usize>(
        &mut self,
        simd: S,
        data: &[f32],
        stride: usize,
        first: usize,
        depth: usize,
    ) {
        for panel in 0..self.right.count() {
            let right = self.right.slice(panel, first, depth);
            for top in (0..self.rows).step_by(R) {
                let mut rows: [&[f32]; R] = [&[]; R];
                for (i, row) in rows.iter_mut().enumerate() {
                    // Rows past the end repeat the last one; their sums are not kept.
                    let at = (top + i).min(self.rows - 1) * stride + first;
                    *row = &data[at..at + depth];
                }
                let tile = self.tile(panel, top, R);
                micro::run::<S, R, _>(simd, Rows(rows), right, depth, tile);
            }
        }
    }

    /// Tiles outside, so that each tile's columns are gathered once.
    #[inline(always)]
    fn columns_pass<S: Simd, const R: usize>(
        &mut self,
        simd: S,
        data: &[f32],
        stride: usize,
        first: usize,
        depth: usize,
    ) {
        let mut gathered = [[0.0; R]; DEPTH];
        for top in (0..self.rows).step_by(R) {
            let count = R.min(self.rows - top);
            for (k, column) in gathered[..depth].iter_mut().enumerate() {
                let at = (first + k) * stride + top;
                if count == R {
                    column.copy_from_slice(&data[at..at + R]);
                } else {
                    column[..count].copy_from_slice(&data[at..at + count]);
                }
            }
            for panel in 0..self.right.count() {
                let right = self.right.slice(panel, first, depth);
                let tile = self.tile(panel, top, R);
                micro::run::<S, R, _>(simd, Columns(&gathered), right, depth, tile);
            }
        }
    }

    /// The part of `C` at `panel` and row `top`.
    #[inline(always)]
    fn tile(&mut self, panel: usize, top: usize, rows: usize) -> Tile<'_> {
        let left = panel * self.right.panel_width();
        Tile {
            sums: &mut self.sums[top * self.stride + left..],
            stride: self.stride,
            rows: rows.min(self.rows - top),
            width: self.right.panel_width().min(self.right.width() - left),
        }
    }
}

/// `C += Y^T X` of `y`, `[depth, rows]`, and `x`, `[depth, width]`, both with a stride from row to
/// row: the gradient of a weight. `C` is `[rows, width]` without gaps.
///
/// `x` is packed in pieces that stay in the second-level cache.
pub(super) fn multiply_transposed(
    y: (&[f32], usize),
    x: (&[f32], usize),
    [depth, rows, width]: [usize; 3],
    sums: &mut [f32],
    panels: &mut Panels,
) {
    for left in (0..width).step_by(WIDTH) {
        let count = WIDTH.min(width - left);
        for first in (0..depth).step_by(DEPTH) {
            let depth = DEPTH.min(depth - first);
            panels.fill_rows(&x.0[first * x.1 + left..], x.1, depth, count);
            let left_hand = Left::ByColumn {
                data: &y.0[first * y.1..],
                stride: y.1,
            };
            multiply(left_hand, panels, rows, &mut sums[left..], width);
        }
    }
}
