//! Attention of floats, as two products with panels per head, the exponentials of each row between them.

use super::Params;
use super::cpu::{Blocks, QUERIES, scores_stride};
use crate::epilogue::Columns;
use crate::panel::{WIDTH, len16, of_panel};
use crate::simd::{FloatPanels, FloatSink, Floats16, Level, Place, Rows, float_products};
use crate::{lanes, math};
use core::ops::Range;

/// Floats of a packed block of `rows` tokens.
pub(super) fn packed_len(params: &Params, rows: usize) -> usize {
    params.heads * head_len(params, rows)
}

/// Floats of one head in a packed block: keys as panels `[rows, head_dim]`, values as panels
/// `[head_dim, rows]`.
fn head_len(params: &Params, rows: usize) -> usize {
    len16(rows, params.head_dim) + len16(params.head_dim, rows)
}

/// Floats of scratch for [`attend`]: the scores of some queries, and one over each sum of weights.
pub(super) fn scratch_len(params: &Params) -> usize {
    QUERIES * (scores_stride(params) + 1)
}

/// Packs the keys and values of a block: `qkv` is `[rows, 3 * dim]`, `packed` [`packed_len`] long.
pub(super) fn pack(params: &Params, qkv: &[f32], packed: &mut [f32]) {
    let &Params { head_dim, .. } = params;
    let dim = params.dim();
    let rows = qkv.len() / (3 * dim);
    let keys_len = len16(rows, head_dim);
    for head in packed.chunks_exact_mut(head_len(params, rows)) {
        let (keys, values) = head.split_at_mut(keys_len);
        keys[rows / WIDTH * WIDTH * head_dim..].fill(0.0);
        values[head_dim / WIDTH * WIDTH * rows..].fill(0.0);
    }
    // Rows outside: their keys and values come from memory in order.
    for (row, qkv) in qkv.chunks_exact(3 * dim).enumerate() {
        let (keys, values) = qkv[dim..].split_at(dim);
        let heads = keys
            .chunks_exact(head_dim)
            .zip(values.chunks_exact(head_dim));
        let packed = packed.chunks_exact_mut(head_len(params, rows));
        for ((key, value), packed) in heads.zip(packed) {
            let (keys, values) = packed.split_at_mut(keys_len);
            let panel = &mut keys[row / WIDTH * WIDTH * head_dim..];
            for (column, &value) in panel.as_chunks_mut::<WIDTH>().0.iter_mut().zip(key) {
                column[row % WIDTH] = value;
            }
            let (whole, rest) = value.as_chunks::<WIDTH>();
            let columns = values.as_chunks_mut::<WIDTH>().0;
            for (panel, value) in whole.iter().enumerate() {
                columns[panel * rows + row] = *value;
            }
            if !rest.is_empty() {
                columns[whole.len() * rows + row][..rest.len()].copy_from_slice(rest);
            }
        }
    }
}

/// Writes the outputs of a few queries, whose rows are `qkv`, to `out` `[queries, dim]`.
pub(super) fn attend<'p>(
    level: Level,
    params: &Params,
    qkv: &[f32],
    blocks: Blocks<impl Fn(usize) -> &'p [u32] + Copy>,
    scratch: &mut [f32],
    out: &mut [f32],
) {
    let stride = scores_stride(params);
    let (scores, inverses) = scratch.split_at_mut(QUERIES * stride);
    let count = out.len() / params.dim();
    let scores = &mut scores[..count * stride];
    for head in 0..params.heads {
        let keys = Keys { blocks, head };
        keys.score(level, params, qkv, scores);
        level.vectorize(
            #[inline(always)]
            || {
                // Two passes over all rows: in each, rows need not wait for each other.
                for (row, highest) in scores.chunks_exact_mut(stride).zip(&mut *inverses) {
                    *highest = highest_of(params, row);
                }
                for (row, inverse) in scores.chunks_exact_mut(stride).zip(&mut *inverses) {
                    *inverse = 1.0 / weigh(params, row, *inverse);
                }
            },
        );
        keys.mix(level, params, scores, inverses, out);
    }
}

/// The packed keys and values of a head.
#[derive(Clone, Copy)]
struct Keys<F> {
    blocks: Blocks<F>,
    head: usize,
}

impl<'a, F: Fn(usize) -> &'a [u32] + Copy> Keys<F> {
    /// Each block's first token, rows, keys `[panels][head_dim][16]` and values `[panels][rows][16]`.
    fn each(self, params: &Params) -> impl Iterator<Item = (usize, usize, &'a [f32], &'a [f32])> {
        let params = *params;
        self.blocks.each(&params).map(move |(first, rows, block)| {
            let len = head_len(&params, rows);
            let of_head = &block[self.head * len..][..len];
            let keys_len = len16(rows, params.head_dim);
            let (keys, values) = bytemuck::cast_slice(of_head).split_at(keys_len);
            (first, rows, keys, values)
        })
    }

    /// Writes `q k^T / sqrt(head_dim)` as exponents of two.
    fn score(self, level: Level, params: &Params, qkv: &[f32], scores: &mut [f32]) {
        let stride = scores_stride(params);
        let scale = params.scale();
        let queries = Rows {
            values: &qkv[self.head * params.head_dim..],
            stride: 3 * params.dim(),
            count: scores.len() / stride,
        };
        for (first, _, keys, _) in self.each(params) {
            let panels = FloatPanels {
                columns: keys.as_chunks().0,
                k: params.head_dim,
            };
            let mut sink = Scores {
                scores,
                stride,
                first,
                scale,
            };
            float_products::<true>(level, queries, panels, &mut sink);
        }
    }

    /// Writes the values mixed by the weights, which sum to one over `inverses`.
    fn mix(
        self,
        level: Level,
        params: &Params,
        weights: &[f32],
        inverses: &[f32],
        out: &mut [f32],
    ) {
        let (dim, head_dim) = (params.dim(), params.head_dim);
        let stride = scores_stride(params);
        for (first, rows, _, values) in self.each(params) {
            let rows_of_weights = Rows {
                values: &weights[first..],
                stride,
                count: weights.len() / stride,
            };
            let panels = FloatPanels {
                columns: values.as_chunks().0,
                k: rows,
            };
            let from = self.head * head_dim;
            let columns = from..from + head_dim;
            let mut sink = Mixture {
                out,
                dim,
                columns,
                is_first: first == 0,
                inverses: (first + rows == params.tokens).then_some(inverses),
            };
            float_products::<true>(level, rows_of_weights, panels, &mut sink);
        }
    }
}

/// Scores of a block's keys, from key `first` on.
struct Scores<'a> {
    scores: &'a mut [f32],
    stride: usize,
    first: usize,
    scale: f32,
}

impl FloatSink for Scores<'_> {
    type Channels<V: Floats16> = ();

    #[inline(always)]
    fn channels<V: Floats16>(&self, _: usize) {}

    #[inline(always)]
    fn start<V: Floats16>(&self, _: usize, _: usize, (): ()) -> V {
        V::splat(0.0)
    }

    #[inline(always)]
    fn starts_at_zero(&self) -> bool {
        true
    }

    #[inline(always)]
    fn write<V: Floats16, const P: usize>(&mut self, tile: Place, sums: impl Fn(usize) -> [V; P]) {
        let scale = V::splat(self.scale);
        let rows = self.scores[tile.row * self.stride..].chunks_exact_mut(self.stride);
        let columns = Columns {
            rows: rows.take(tile.rows),
            first: self.first + tile.panel * WIDTH,
        };
        columns.write(sums, |_, sums| sums.mul(scale));
    }
}

/// A head's columns of the outputs: the values of blocks before are added to, but for the first.
struct Mixture<'a> {
    out: &'a mut [f32],
    dim: usize,
    columns: Range<usize>,
    is_first: bool,
    /// What the sums are multiplied with after the last block.
    inverses: Option<&'a [f32]>,
}

impl FloatSink for Mixture<'_> {
    type Channels<V: Floats16> = ();

    #[inline(always)]
    fn channels<V: Floats16>(&self, _: usize) {}

    #[inline(always)]
    fn start<V: Floats16>(&self, row: usize, panel: usize, (): ()) -> V {
        if self.is_first {
            return V::splat(0.0);
        }
        let out = &self.out[row * self.dim..][self.columns.clone()];
        V::load(&of_panel(out, panel))
    }

    #[inline(always)]
    fn starts_at_zero(&self) -> bool {
        self.is_first
    }

    #[inline(always)]
    fn write<V: Floats16, const P: usize>(&mut self, tile: Place, sums: impl Fn(usize) -> [V; P]) {
        let end = self.columns.end;
        let rows = self.out[tile.row * self.dim..].chunks_exact_mut(self.dim);
        let columns = Columns {
            rows: rows.take(tile.rows).map(|row| &mut row[..end]),
            first: self.columns.start + tile.panel * WIDTH,
        };
        let Some(inverses) = self.inverses else {
            return columns.write(sums, |_, sums| sums);
        };
        let inverses = &inverses[tile.row..];
        columns.write(
            #[inline(always)]
            |r| {
                let inverse = V::splat(inverses[r]);
                let mut mixed = sums(r);
                for mixed in &mut mixed {
                    *mixed = mixed.mul(inverse);
                }
                mixed
            },
            |_, mixed| mixed,
        );
    }
}

/// The highest of a row's scores. What lies beyond the last key, in a panel that is there in full, will
/// weigh next to nothing.
#[inline(always)]
fn highest_of(params: &Params, row: &mut [f32]) -> f32 {
    let row = &mut row[..params.tokens.next_multiple_of(WIDTH)];
    row[params.tokens..].fill(f32::NEG_INFINITY);
    lanes::max(row)
}

/// Turns a row of scores into weights, the highest's 1, and returns their sum, in the order of
/// [`lanes::sum`].
#[inline(always)]
fn weigh(params: &Params, row: &mut [f32], highest: f32) -> f32 {
    let row = &mut row[..params.tokens.next_multiple_of(WIDTH)];
    let mut sums = [0.0; WIDTH];
    for panel in row.as_chunks_mut::<WIDTH>().0 {
        for (sum, score) in sums.iter_mut().zip(panel) {
            *score = math::exp2(*score - highest);
            *sum += *score;
        }
    }
    lanes::sum(&sums, |sum| sum)
}
