//! Attention on 16-bit integers, for encoders whose linear layers compute with integers: both products
//! are exact in i32, so that every machine gives the same bits, at twice the speed of floats.
//!
//! Queries and keys have a scale for each row and head and as many bits as `head_dim` products allow
//! (13.5 for heads of 64); values a scale for each row and head and 13 bits. A value's scale goes into
//! its weight, and a row's weights become integers up to 32,767 that sum to about 480,000 at most: with
//! 65,536 tokens, roundings included, no sum exceeds 512,768 x 4,095. What rounding does to the sum of
//! the weights is made good.

use super::Params;
use super::blocks;
use crate::lanes;
use crate::math::{self, clamp, round_ties_even, whole};
use crate::panel::{WIDTH, of_panel};
use crate::simd::{Floats16, IntegerSink, Integers16, Level, PairRows, pair_products};

/// Queries handled together.
const QUERIES: usize = 48;

/// Largest integer of a weight.
const LARGEST: f32 = 32_767.0;

/// Most that the integers of a row's weights sum to, but for rounding.
const LARGEST_SUM: f32 = 480_000.0;

/// Largest integer of a value.
const LARGEST_VALUE: f32 = 4_095.0;

/// Where things lie in one head of a packed block, in words.
#[derive(Clone, Copy)]
struct Layout {
    /// Keys `[ceil(rows / 16)][pairs of head_dim][16][2]`.
    keys: usize,
    /// Values `[ceil(head_dim / 16)][pairs of rows][16][2]`.
    values: usize,
    /// Scales of keys, and of values.
    scales: usize,
}

impl Layout {
    fn of(params: &Params, rows: usize) -> Self {
        let head_dim = params.head_dim;
        Self {
            keys: rows.next_multiple_of(WIDTH) * head_dim.div_ceil(2),
            values: head_dim.next_multiple_of(WIDTH) * rows.div_ceil(2),
            scales: rows.next_multiple_of(WIDTH),
        }
    }

    fn len(self) -> usize {
        self.keys + self.values + 2 * self.scales
    }
}

/// Words of a block's packed keys and values, for a block of `rows` tokens.
#[must_use]
pub fn packed_len(params: &Params, rows: usize) -> usize {
    params.heads * Layout::of(params, rows).len()
}

/// Words of scratch for [`attend`]: of some queries their integers and scales, scores, weights and
/// sums.
#[must_use]
pub fn scratch_len(params: &Params) -> usize {
    QUERIES * (params.head_dim.div_ceil(2) + 2 + stride(params) * 3 / 2 + WIDTH) + stride(params)
}

fn stride(params: &Params) -> usize {
    params.tokens.next_multiple_of(WIDTH)
}

/// The largest integer of queries and keys: `head_dim` squares of it fit i32.
fn largest_key(params: &Params) -> f32 {
    let squares = f64::from(i32::MAX) / params.head_dim as f64;
    (libm::floor(libm::sqrt(squares)) as f32).min(LARGEST)
}

/// Writes a row's integers, two a word, the first in the low half, and returns its scale.
#[inline(always)]
fn quantize(x: &[f32], largest: f32, pairs: &mut [u32]) -> f32 {
    let magnitude = lanes::max(0.0, x, |x| f32::from_bits(x.to_bits() & 0x7fff_ffff));
    let steps = largest / magnitude;
    // Zeros, or values so small that the quotient overflows, are zero.
    let steps = if steps.is_finite() { steps } else { 0.0 };
    let integers: &mut [i16] = bytemuck::cast_slice_mut(pairs);
    let (integers, padding) = integers.split_at_mut(x.len());
    for (integer, &x) in integers.iter_mut().zip(x) {
        *integer = whole(clamp(round_ties_even(x * steps), -largest, largest)) as i16;
    }
    padding.fill(0);
    if steps == 0.0 {
        0.0
    } else {
        magnitude / largest
    }
}

/// Packs the keys and values of a block: `qkv` is `[rows, 3 * dim]`, at most 65,536 of them in all
/// blocks, `packed` [`packed_len`] long, `scratch` `ceil(head_dim / 2)`.
pub fn pack(level: Level, params: &Params, qkv: &[f32], scratch: &mut [u32], packed: &mut [u32]) {
    let dim = params.dim();
    let rows = qkv.len() / (3 * dim);
    let layout = Layout::of(params, rows);
    let pairs = &mut scratch[..params.head_dim.div_ceil(2)];
    let largest = largest_key(params);
    level.vectorize(
        #[inline(always)]
        || {
            for (head, packed) in packed.chunks_exact_mut(layout.len()).enumerate() {
                packed.fill(0);
                let (keys, rest) = packed.split_at_mut(layout.keys);
                let (values, scales) = rest.split_at_mut(layout.values);
                for (row, qkv) in qkv.chunks_exact(3 * dim).enumerate() {
                    let at = dim + head * params.head_dim;
                    let [key, value] = [at, at + dim].map(|at| &qkv[at..][..params.head_dim]);
                    let scale = quantize(key, largest, pairs);
                    scales[row] = scale.to_bits();
                    pack_key(pairs, row, keys);
                    let scale = quantize(value, LARGEST_VALUE, pairs);
                    scales[layout.scales + row] = scale.to_bits();
                    pack_value(params, pairs, [row, rows], values);
                }
            }
        },
    );
}

#[inline(always)]
fn pack_key(pairs: &[u32], row: usize, keys: &mut [u32]) {
    let panel = &mut keys[row / WIDTH * WIDTH * pairs.len()..];
    for (column, &pair) in panel.chunks_exact_mut(WIDTH).zip(pairs) {
        column[row % WIDTH] = pair;
    }
}

#[inline(always)]
fn pack_value(params: &Params, pairs: &[u32], [row, rows]: [usize; 2], values: &mut [u32]) {
    let integers: &[u16] = bytemuck::cast_slice(pairs);
    let integers = &integers[..params.head_dim];
    for (panel, integers) in integers.chunks(WIDTH).enumerate() {
        let column = &mut values[(panel * rows.div_ceil(2) + row / 2) * WIDTH..][..WIDTH];
        for (word, &integer) in column.iter_mut().zip(integers) {
            *word |= u32::from(integer) << (row % 2 * 16);
        }
    }
}

/// Writes attention's outputs for some queries to `out` `[queries, dim]`. `qkv` holds the queries'
/// rows, `[queries, 3 * dim]`; `packed` gives the keys and values of each block of `block_rows`
/// tokens, a multiple of 16; `scratch` is [`scratch_len`] long.
pub fn attend<'p>(
    level: Level,
    params: &Params,
    qkv: &[f32],
    packed: impl Fn(usize) -> &'p [u32] + Copy,
    block_rows: usize,
    scratch: &mut [u32],
    out: &mut [f32],
) {
    let dim = params.dim();
    let queries = qkv.chunks(QUERIES * 3 * dim);
    for (qkv, out) in queries.zip(out.chunks_mut(QUERIES * dim)) {
        let mut room = Room::new(params, out.len() / dim, scratch);
        for head in 0..params.heads {
            let keys = Keys {
                packed,
                block_rows,
                head,
            };
            room.take_value_scales(params, keys);
            let queries = &qkv[head * params.head_dim..];
            level.vectorize(
                #[inline(always)]
                || room.quantize_queries(params, queries),
            );
            keys.score(level, params, &mut room);
            level.vectorize(
                #[inline(always)]
                || room.weigh(params),
            );
            keys.mix(level, params, &mut room, out);
        }
    }
}

/// Scratch for some queries.
struct Room<'s> {
    count: usize,
    /// Integers of the queries, `[count, pairs of head_dim]`.
    queries: &'s mut [u32],
    /// A scale for each token's value.
    value_scales: &'s mut [f32],
    /// A scale for each query.
    scales: &'s mut [f32],
    /// What a query's sums are multiplied with.
    units: &'s mut [f32],
    /// `[count, stride]`.
    scores: &'s mut [f32],
    /// Integers of the weights, `[count, stride / 2]`.
    weights: &'s mut [u32],
    /// Sums of one panel, `[count]`.
    sums: &'s mut [[i32; WIDTH]],
}

impl<'s> Room<'s> {
    fn new(params: &Params, count: usize, scratch: &'s mut [u32]) -> Self {
        let (value_scales, rest) = scratch.split_at_mut(stride(params));
        let (queries, rest) = rest.split_at_mut(count * params.head_dim.div_ceil(2));
        let (scales, rest) = rest.split_at_mut(count);
        let (units, rest) = rest.split_at_mut(count);
        let (scores, rest) = rest.split_at_mut(count * stride(params));
        let (weights, rest) = rest.split_at_mut(count * stride(params) / 2);
        Self {
            count,
            queries,
            value_scales: bytemuck::cast_slice_mut(value_scales),
            scales: bytemuck::cast_slice_mut(scales),
            units: bytemuck::cast_slice_mut(units),
            scores: bytemuck::cast_slice_mut(scores),
            weights,
            sums: bytemuck::cast_slice_mut(&mut rest[..count * WIDTH]),
        }
    }

    #[inline(always)]
    fn quantize_queries(&mut self, params: &Params, queries: &[f32]) {
        let pairs = self.queries.chunks_exact_mut(params.head_dim.div_ceil(2));
        let rows = queries.chunks(3 * params.dim());
        let (largest, scale_of_scores) = (largest_key(params), params.scale());
        for ((pairs, scale), row) in pairs.zip(self.scales.iter_mut()).zip(rows) {
            let row = &row[..params.head_dim];
            *scale = quantize(row, largest, pairs) * scale_of_scores;
        }
    }

    /// Gathers the scales of a head's values.
    fn take_value_scales<'p>(
        &mut self,
        params: &Params,
        keys: Keys<impl Fn(usize) -> &'p [u32] + Copy>,
    ) {
        self.value_scales[params.tokens..].fill(0.0);
        for block in keys.blocks(params) {
            let scales: &[f32] = bytemuck::cast_slice(block.value_scales);
            self.value_scales[block.first..][..block.rows].copy_from_slice(scales);
        }
    }

    /// Turns scores into integers, in proportion to weight times the value's scale.
    #[inline(always)]
    fn weigh(&mut self, params: &Params) {
        let stride = stride(params);
        let scores = self.scores.chunks_exact_mut(stride);
        let weights = self.weights.chunks_exact_mut(stride / 2);
        let value_scales = &*self.value_scales;
        for ((row, weights), unit) in scores.zip(weights).zip(self.units.iter_mut()) {
            // Rows are as long as whole panels: what lies beyond the last key weighs nothing.
            row[params.tokens..].fill(f32::NEG_INFINITY);
            let found = Weighed::of(row, value_scales);
            let steps = (LARGEST / found.largest).min(LARGEST_SUM / found.sum);
            let steps = if steps.is_finite() { steps } else { 0.0 };
            let integers: &mut [i16] = bytemuck::cast_slice_mut(weights);
            for (integer, weight) in integers.iter_mut().zip(row.iter_mut()) {
                let rounded = round_ties_even(*weight * steps);
                *integer = whole(rounded) as i16;
                *weight = rounded;
            }
            // Whole numbers, whose sums f32 holds exactly.
            let rounded = lanes::sum(row, |weight| weight);
            *unit = found.sum / rounded.max(1.0) / found.total;
        }
    }
}

/// What a row of weights comes to.
struct Weighed {
    /// Sum of the exponentials.
    total: f32,
    /// Sum of the exponentials times their values' scales, and the largest of these products.
    sum: f32,
    largest: f32,
}

impl Weighed {
    /// Overwrites a row of scores with `e^(score - largest)` times the values' scales.
    #[inline(always)]
    fn of(row: &mut [f32], scales: &[f32]) -> Self {
        let highest = lanes::max(f32::NEG_INFINITY, row, |score| score);
        // Short loops over a row that stays in the first cache: each vectorises.
        for score in row.iter_mut() {
            *score = math::exp(*score - highest);
        }
        let total = lanes::sum(row, |exponential| exponential);
        for (weight, scale) in row.iter_mut().zip(scales) {
            *weight *= scale;
        }
        Self {
            total,
            sum: lanes::sum(row, |weight| weight),
            largest: lanes::max(0.0, row, |weight| weight),
        }
    }
}

/// The packed keys and values of a head.
#[derive(Clone, Copy)]
struct Keys<F> {
    packed: F,
    block_rows: usize,
    head: usize,
}

/// A head's keys and values in one block.
struct Block<'a> {
    first: usize,
    rows: usize,
    keys: &'a [u32],
    values: &'a [u32],
    key_scales: &'a [u32],
    value_scales: &'a [u32],
}

impl<'a, F: Fn(usize) -> &'a [u32] + Copy> Keys<F> {
    #[inline(always)]
    fn blocks(self, params: &Params) -> impl Iterator<Item = Block<'a>> {
        let params = *params;
        let blocks = blocks(&params, self.block_rows).enumerate();
        blocks.map(move |(index, rows)| {
            let block = &(self.packed)(index)[..packed_len(&params, rows)];
            let layout = Layout::of(&params, rows);
            let of_head = &block[self.head * layout.len()..][..layout.len()];
            let (keys, of_head) = of_head.split_at(layout.keys);
            let (values, scales) = of_head.split_at(layout.values);
            let (key_scales, value_scales) = scales.split_at(layout.scales);
            Block {
                first: index * self.block_rows,
                rows,
                keys,
                values,
                key_scales,
                value_scales: &value_scales[..rows],
            }
        })
    }

    /// Writes `q k^T / sqrt(head_dim)`.
    fn score(self, level: Level, params: &Params, room: &mut Room<'_>) {
        let (stride, pairs) = (stride(params), params.head_dim.div_ceil(2));
        let queries = PairRows {
            words: room.queries,
            stride: pairs,
            count: room.count,
        };
        for block in self.blocks(params) {
            let panels: &[[i16; 32]] = bytemuck::cast_slice(block.keys);
            for (panel, keys) in panels.chunks_exact(pairs).enumerate() {
                let mut sink = Scores {
                    scores: room.scores,
                    stride,
                    first: block.first,
                    scales: room.scales,
                    key_scales: bytemuck::cast_slice(block.key_scales),
                };
                pair_products(level, queries, panel, keys, &mut sink);
            }
        }
    }

    /// Writes the values mixed by the weights.
    fn mix(self, level: Level, params: &Params, room: &mut Room<'_>, out: &mut [f32]) {
        let (dim, head_dim) = (params.dim(), params.head_dim);
        for panel in 0..head_dim.div_ceil(WIDTH) {
            room.sums.fill([0; WIDTH]);
            self.mix_panel(level, params, panel, room);
            let from = self.head * head_dim + panel * WIDTH;
            let columns = (head_dim - panel * WIDTH).min(WIDTH);
            let rows = out.chunks_exact_mut(dim).zip(room.sums.iter());
            for ((out, sums), unit) in rows.zip(room.units.iter()) {
                for (out, &sum) in out[from..from + columns].iter_mut().zip(sums) {
                    *out = sum as f32 * unit;
                }
            }
        }
    }

    /// Adds up the products of the weights with sixteen columns of the values, in `sums`.
    fn mix_panel(self, level: Level, params: &Params, panel: usize, room: &mut Room<'_>) {
        for block in self.blocks(params) {
            let pairs = block.rows.div_ceil(2);
            let panels: &[[i16; 32]] = bytemuck::cast_slice(block.values);
            let weights = PairRows {
                words: &room.weights[block.first / 2..],
                stride: stride(params) / 2,
                count: room.count,
            };
            let values = &panels[panel * pairs..][..pairs];
            pair_products(level, weights, panel, values, &mut Mixture(room.sums));
        }
    }
}

/// Scores of a block's keys, from key `first` on.
struct Scores<'a> {
    scores: &'a mut [f32],
    stride: usize,
    first: usize,
    scales: &'a [f32],
    key_scales: &'a [f32],
}

impl IntegerSink for Scores<'_> {
    #[inline(always)]
    fn start<V: Integers16>(&self, _: usize, _: usize) -> V {
        V::splat(0)
    }

    #[inline(always)]
    fn write<V: Integers16>(&mut self, row: usize, panel: usize, sums: V) {
        let at = row * self.stride + self.first + panel * WIDTH;
        let key_scales = of_panel(self.key_scales, panel);
        if let Some(scores) = self.scores[at..].first_chunk_mut() {
            let scale = V::Floats::splat(self.scales[row]);
            let scale = scale.mul(V::Floats::load(&key_scales));
            sums.to_floats().mul(scale).store(scores);
        }
    }
}

/// Sums of one panel of values, to which each block's are added.
struct Mixture<'a>(&'a mut [[i32; WIDTH]]);

impl IntegerSink for Mixture<'_> {
    #[inline(always)]
    fn start<V: Integers16>(&self, row: usize, _: usize) -> V {
        V::load(&self.0[row])
    }

    #[inline(always)]
    fn write<V: Integers16>(&mut self, row: usize, _: usize, sums: V) {
        sums.store(&mut self.0[row])
    }
}

/// Words of scratch for [`cpu`].
#[must_use]
pub fn whole_len(params: &Params) -> usize {
    packed_len(params, params.tokens) + scratch_len(params)
}

/// Attention over whole rows, keys and values packed as one block: `qkv` is `[tokens, 3 * dim]`,
/// `out` `[tokens, dim]`, `scratch` [`whole_len`].
pub fn cpu(level: Level, params: &Params, qkv: &[f32], scratch: &mut [u32], out: &mut [f32]) {
    let (packed, scratch) = scratch.split_at_mut(packed_len(params, params.tokens));
    pack(level, params, qkv, scratch, packed);
    let block_rows = params.tokens.next_multiple_of(WIDTH);
    attend(level, params, qkv, |_| &*packed, block_rows, scratch, out);
}

#[cfg(all(test, feature = "cases"))]
mod tests {
    use super::{Params, attend, cpu, pack, packed_len, scratch_len, whole_len};
    use crate::attention::reference;
    use crate::case::Stream;
    use crate::simd::Level;
    use alloc::vec;
    use alloc::vec::Vec;

    const SHAPES: [(usize, usize, usize, f32); 8] = [
        (1, 1, 1, 1.0),
        (3, 2, 5, 1.0),
        (65, 4, 32, 1.0),
        (197, 3, 64, 2.0),
        (64, 1, 128, 1.0),
        (26, 2, 37, 6.0),
        (70, 2, 101, 1.0),
        (33, 2, 16, 0.0),
    ];

    fn at(level: Level, params: &Params, qkv: &[f32]) -> Vec<f32> {
        let mut out = vec![f32::NAN; params.tokens * params.dim()];
        let len = whole_len(params);
        cpu(level, params, qkv, &mut vec![u32::MAX; len], &mut out);
        out
    }

    /// Scores are off by what 13 bits leave, weights by as much of themselves.
    #[test]
    fn it_is_near_the_oracle_at_every_level_with_the_same_bits() {
        for (tokens, heads, head_dim, largest) in SHAPES {
            let params = Params {
                tokens,
                heads,
                head_dim,
            };
            let qkv = Stream::new(0x1e).values(tokens * 3 * params.dim(), largest);
            let mut expected = vec![0.0; tokens * params.dim()];
            reference(&params, &qkv, &mut expected);
            let first = at(Level::BASELINE, &params, &qkv);
            for (e, a) in expected.iter().zip(&first) {
                let near = 2e-4 * largest * largest.max(1.0) * largest.max(1.0);
                assert!((a - e).abs() <= near, "{tokens} {head_dim}: {e} became {a}");
            }
            for level in Level::available() {
                assert_eq!(at(level, &params, &qkv), first, "{}", level.name());
            }
        }
    }

    #[test]
    fn blocks_change_nothing() {
        let params = Params {
            tokens: 75,
            heads: 2,
            head_dim: 24,
        };
        let dim = params.dim();
        let qkv = Stream::new(0x1f).values(params.tokens * 3 * dim, 1.5);
        let whole = at(Level::detect(), &params, &qkv);
        let mut scratch = vec![0; scratch_len(&params)];
        let blocks = qkv.chunks(32 * 3 * dim).map(|qkv| {
            let mut packed = vec![u32::MAX; packed_len(&params, qkv.len() / (3 * dim))];
            pack(Level::detect(), &params, qkv, &mut scratch, &mut packed);
            packed
        });
        let blocks: Vec<Vec<u32>> = blocks.collect();
        let mut out = vec![f32::NAN; whole.len()];
        let queries = qkv.chunks(32 * 3 * dim).zip(out.chunks_mut(32 * dim));
        for (qkv, out) in queries {
            let level = Level::detect();
            let packed = |block: usize| blocks[block].as_slice();
            attend(level, &params, qkv, packed, 32, &mut scratch, out);
        }
        assert_eq!(out, whole);
    }

    /// The largest sums that its bounds allow: equal queries, keys and values at their extremes.
    #[test]
    fn extremes_do_not_overflow() {
        for head_dim in [1, 2, 64, 128, 512] {
            let params = Params {
                tokens: 300,
                heads: 1,
                head_dim,
            };
            let qkv = vec![-3.0; 300 * 3 * head_dim];
            for out in at(Level::detect(), &params, &qkv) {
                assert!((out + 3.0).abs() < 1e-3, "{head_dim}: {out}");
            }
        }
    }
}
