//! Attention in whole numbers, whose sums are exact: every machine gives the same bits.
//!
//! A token's queries and its keys are each rounded to whole numbers of a step, a 32,000th of their length
//! over all heads, so that products of two heads are below `2^30` (Cauchy and Schwarz) and scores are as far
//! off in each head; its values to 7,800 steps. A value's step goes to its weight: weights times steps are
//! rounded to at most 32,000, of a unit for which the sum of a row's weights times 7,800 fits i32. Products
//! are of pairs of 16 bits. NaN makes a step NaN, and with it all that sees the token.

use super::Params;
use super::cpu::{QUERIES, blocks, scores_stride};
use crate::epilogue::Columns;
use crate::panel::WIDTH;
use crate::simd::{
    Floats16, IntegerSink, Integers16, Level, PairPanels, PairRows, Place, arrange_pair_panels,
    arrange_pair_rows, pair_products,
};
use crate::{lanes, math};
use core::array::from_fn;
use core::ops::Range;

/// The length of rounded queries and keys.
const LENGTH: f32 = 32_000.0;

/// The largest rounded value.
const VALUE: f32 = 7_800.0;

/// The largest rounded weight.
const WEIGHT: f32 = 32_000.0;

/// What a row's weights may add up to, before they are rounded.
fn most_weights(params: &Params) -> f32 {
    (i32::MAX as f32 / VALUE) - params.tokens as f32
}

/// Words of a row of `len` 16-bit numbers: number `i` lies beside number `i + words`, because then
/// neighbours in memory are neighbours in registers. Even, as [`PairPanels`] are.
fn words_of(len: usize) -> usize {
    len.div_ceil(4) * 2
}

/// Words of a packed block of `rows` tokens: the steps of keys, those of values, then for each head keys as
/// panels `[panels][words_of(head_dim)][16]` and values as panels `[panels][words_of(rows)][16]`.
pub(super) fn packed_len(params: &Params, rows: usize) -> usize {
    let of_head = keys_len(params, rows) + values_len(params, rows);
    2 * rows.next_multiple_of(WIDTH) + params.heads * of_head
}

fn keys_len(params: &Params, rows: usize) -> usize {
    rows.next_multiple_of(WIDTH) * words_of(params.head_dim)
}

fn values_len(params: &Params, rows: usize) -> usize {
    params.head_dim.next_multiple_of(WIDTH) * words_of(rows)
}

/// A head's keys and values in a block.
struct Packed<'a> {
    key_steps: &'a [f32],
    value_steps: &'a [f32],
    keys: &'a [[i16; 2 * WIDTH]],
    values: &'a [[i16; 2 * WIDTH]],
}

impl<'a> Packed<'a> {
    /// Those of a head in a packed block of `rows` tokens.
    fn of(params: &Params, rows: usize, head: usize, block: &'a [u32]) -> Self {
        let steps = rows.next_multiple_of(WIDTH);
        let (key_steps, rest) = block.split_at(steps);
        let (value_steps, heads) = rest.split_at(steps);
        let keys_len = keys_len(params, rows);
        let len = keys_len + values_len(params, rows);
        let (keys, values) = heads[head * len..][..len].split_at(keys_len);
        Self {
            key_steps: bytemuck::cast_slice(key_steps),
            value_steps: bytemuck::cast_slice(value_steps),
            keys: bytemuck::cast_slice(keys),
            values: bytemuck::cast_slice(values),
        }
    }
}

/// The square of the length of a token's queries or keys.
#[inline(always)]
pub(super) fn square(row: &[f32]) -> f32 {
    lanes::sum(row, |x| x * x)
}

/// The step of a token's queries or keys, by the square of their length.
#[inline(always)]
pub(super) fn length_step(square: f32) -> f32 {
    math::sqrt(square) / LENGTH
}

/// The step of a token's values, by their largest magnitude.
#[inline(always)]
pub(super) fn value_step(largest: f32) -> f32 {
    largest / VALUE
}

/// How many steps one is. Of rows of zeros, and of those so short that nobody knows, none.
#[inline(always)]
pub(super) fn per_step(step: f32) -> f32 {
    let steps = 1.0 / step;
    if steps.is_finite() { steps } else { 0.0 }
}

/// Two whole numbers, the nearest ones, in a word.
#[inline(always)]
fn pair(low: f32, high: f32) -> u32 {
    (math::low_half(low) & 0xffff) | (math::low_half(high) << 16)
}

/// Writes the words of `values` times `steps`: each of `words` holds a number of `low` and the one in its
/// place of `high`, or zero where there is none.
#[inline(always)]
fn round(low: &[f32], high: &[f32], steps: f32, words: &mut [u32]) {
    let (both, rest) = words.split_at_mut(high.len());
    for ((word, &low), &high) in both.iter_mut().zip(low).zip(high) {
        *word = pair(low * steps, high * steps);
    }
    let (alone, empty) = rest.split_at_mut(low.len() - high.len());
    for (word, &low) in alone.iter_mut().zip(&low[high.len()..]) {
        *word = pair(low * steps, 0.0);
    }
    empty.fill(0);
}

/// A row's numbers as the two halves of its words.
#[inline(always)]
fn halves(row: &[f32]) -> (&[f32], &[f32]) {
    row.split_at(words_of(row.len()).min(row.len()))
}

/// Packs the keys and values of a block: `qkv` is `[rows, 3 * dim]`, `packed` [`packed_len`] long.
pub(super) fn pack(level: Level, params: &Params, qkv: &[f32], packed: &mut [u32]) {
    let rows = qkv.len() / (3 * params.dim());
    let (steps, heads) = packed.split_at_mut(2 * rows.next_multiple_of(WIDTH));
    let (key_steps, value_steps) = steps.split_at_mut(rows.next_multiple_of(WIDTH));
    let mut block = Packing {
        params,
        qkv,
        rows,
        key_steps: bytemuck::cast_slice_mut(key_steps),
        value_steps: bytemuck::cast_slice_mut(value_steps),
        heads,
    };
    level.vectorize(
        #[inline(always)]
        || {
            block.pack_keys();
            block.pack_values();
        },
    );
    // Nothing but panels.
    arrange_pair_panels(level, bytemuck::cast_slice_mut(heads));
}

/// A block that is being packed.
struct Packing<'a> {
    params: &'a Params,
    qkv: &'a [f32],
    rows: usize,
    key_steps: &'a mut [f32],
    value_steps: &'a mut [f32],
    /// Keys and values of each head.
    heads: &'a mut [u32],
}

impl<'a> Packing<'a> {
    /// A token's keys (1) or values (2) of all heads.
    #[inline(always)]
    fn row(&self, part: usize, row: usize) -> &'a [f32] {
        let dim = self.params.dim();
        &self.qkv[(3 * row + part) * dim..][..dim]
    }

    /// Words of a head.
    fn head_len(&self) -> usize {
        keys_len(self.params, self.rows) + values_len(self.params, self.rows)
    }

    /// Packs keys as panels: a key's words go to its lane of their columns.
    #[inline(always)]
    fn pack_keys(&mut self) {
        let (head_dim, head_len) = (self.params.head_dim, self.head_len());
        let panel_len = words_of(head_dim) * WIDTH;
        self.key_steps[self.rows..].fill(0.0);
        for first in (0..self.rows).step_by(WIDTH) {
            let tokens = first..self.rows.min(first + WIDTH);
            // All steps before all roundings, so that rows need not wait for each other.
            for token in tokens.clone() {
                self.key_steps[token] = square(self.row(1, token));
            }
            for step in &mut self.key_steps[tokens.clone()] {
                *step = length_step(*step);
            }
            for token in tokens {
                let keys = self.row(1, token).chunks_exact(head_dim);
                let steps = per_step(self.key_steps[token]);
                for (key, head) in keys.zip(self.heads.chunks_exact_mut(head_len)) {
                    let panel = &mut head[first / WIDTH * panel_len..][..panel_len];
                    scatter(key, steps, panel.as_chunks_mut().0, token % WIDTH);
                }
            }
        }
        self.clear_keys_beyond(panel_len);
    }

    /// Zeros for the lanes of the last panel that have no token.
    fn clear_keys_beyond(&mut self, panel_len: usize) {
        let present = self.rows % WIDTH;
        let head_len = self.head_len();
        for head in self.heads.chunks_exact_mut(head_len) {
            let panel = &mut head[self.rows / WIDTH * panel_len..];
            for column in panel[..if present == 0 { 0 } else { panel_len }].chunks_mut(WIDTH) {
                column[present..].fill(0);
            }
        }
    }

    /// Packs values as panels: a word holds the numbers of two tokens.
    #[inline(always)]
    fn pack_values(&mut self) {
        let (head_dim, head_len) = (self.params.head_dim, self.head_len());
        let keys_len = keys_len(self.params, self.rows);
        let words = words_of(self.rows);
        self.value_steps[self.rows..].fill(0.0);
        for first in 0..words {
            let tokens = [first, first + words];
            let [low, high] = tokens.map(|token| {
                // Beyond the last token there are none of its steps.
                let row = self.row(2, token.min(self.rows - 1));
                (row, value_step(lanes::largest_magnitude(row)))
            });
            for (token, (_, step)) in tokens.into_iter().zip([low, high]) {
                if token < self.rows {
                    self.value_steps[token] = step;
                }
            }
            let steps = tokens.map(|token| {
                let step = self.value_steps.get(token);
                step.map_or(0.0, |&step| per_step(step))
            });
            let pairs = low
                .0
                .chunks_exact(head_dim)
                .zip(high.0.chunks_exact(head_dim));
            for (values, head) in pairs.zip(self.heads.chunks_exact_mut(head_len)) {
                let columns = head[keys_len..].as_chunks_mut().0;
                interleave(values, steps, columns[first..].iter_mut().step_by(words));
            }
        }
    }
}

/// Writes the words of a key to a lane of its panel's columns.
#[inline(always)]
fn scatter(key: &[f32], steps: f32, columns: &mut [[u32; WIDTH]], lane: usize) {
    let (mut low, mut high) = halves(key);
    for columns in columns.chunks_mut(WIDTH) {
        let mut words = [0; WIDTH];
        let words = &mut words[..columns.len()];
        let first = first_of(&mut low, words.len());
        let second = first_of(&mut high, words.len());
        round(first, second, steps, words);
        for (column, word) in columns.iter_mut().zip(words) {
            column[lane] = *word;
        }
    }
}

/// Takes up to `count` numbers off the front of a row.
#[inline(always)]
fn first_of<'a>(row: &mut &'a [f32], count: usize) -> &'a [f32] {
    let (first, rest) = row.split_at(count.min(row.len()));
    *row = rest;
    first
}

/// Writes the words of two tokens' values to their column of each panel.
#[inline(always)]
fn interleave<'a>(
    (low, high): (&[f32], &[f32]),
    [low_steps, high_steps]: [f32; 2],
    columns: impl Iterator<Item = &'a mut [u32; WIDTH]>,
) {
    let pairs = low.chunks(WIDTH).zip(high.chunks(WIDTH));
    for (column, (low, high)) in columns.zip(pairs) {
        if low.len() < WIDTH {
            *column = [0; WIDTH];
        }
        for ((word, &low), &high) in column.iter_mut().zip(low).zip(high) {
            *word = pair(low * low_steps, high * high_steps);
        }
    }
}

/// Words of scratch for [`attend`].
pub(super) fn scratch_len(params: &Params) -> usize {
    let parts = Scratch::lengths(params);
    parts.scores + parts.weights + parts.queries + parts.sums + parts.steps + 5 * QUERIES
}

/// What a few queries of a head need.
struct Scratch<'a> {
    /// Scores, then weights times their values' steps, `[queries, scores_stride]`.
    scores: &'a mut [f32],
    /// A block's rounded weights.
    weights: &'a mut [u32],
    /// Rounded queries.
    queries: &'a mut [u32],
    /// Sums of the blocks before, `[queries, head_dim to whole panels]`.
    sums: &'a mut [i32],
    /// The values' steps.
    steps: &'a mut [f32],
    /// How many steps of a query one is.
    per_step: &'a mut [f32],
    /// What a query's products are multiplied with.
    query_steps: &'a mut [f32],
    /// How many units of a query's weights one is.
    per_unit: &'a mut [f32],
    /// A query's highest score.
    highest: &'a mut [f32],
    /// What a query's sums of values are multiplied with.
    units: &'a mut [f32],
}

/// How many words each part of it has.
struct Lengths {
    scores: usize,
    weights: usize,
    queries: usize,
    sums: usize,
    steps: usize,
}

impl<'a> Scratch<'a> {
    fn lengths(params: &Params) -> Lengths {
        let stride = scores_stride(params);
        Lengths {
            scores: QUERIES * stride,
            weights: QUERIES * words_of(params.tokens),
            queries: QUERIES * words_of(params.head_dim),
            sums: QUERIES * params.head_dim.next_multiple_of(WIDTH),
            steps: stride,
        }
    }

    fn of(params: &Params, scratch: &'a mut [u32]) -> Self {
        let lengths = Self::lengths(params);
        let (scores, rest) = scratch.split_at_mut(lengths.scores);
        let (weights, rest) = rest.split_at_mut(lengths.weights);
        let (queries, rest) = rest.split_at_mut(lengths.queries);
        let (sums, rest) = rest.split_at_mut(lengths.sums);
        let (steps, rest) = rest.split_at_mut(lengths.steps);
        let rest: &mut [f32] = bytemuck::cast_slice_mut(rest);
        let (per_step, rest) = rest.split_at_mut(QUERIES);
        let (query_steps, rest) = rest.split_at_mut(QUERIES);
        let (per_unit, rest) = rest.split_at_mut(QUERIES);
        let (highest, units) = rest.split_at_mut(QUERIES);
        Self {
            scores: bytemuck::cast_slice_mut(scores),
            weights,
            queries,
            sums: bytemuck::cast_slice_mut(sums),
            steps: bytemuck::cast_slice_mut(steps),
            per_step,
            query_steps,
            per_unit,
            highest,
            units,
        }
    }
}

/// Writes the outputs of a few queries, whose rows are `qkv`, to `out` `[queries, dim]`; `packed` gives the
/// keys and values of each block of `block_rows` tokens.
pub(super) fn attend<'p>(
    level: Level,
    params: &Params,
    qkv: &[f32],
    packed: impl Fn(usize) -> &'p [u32] + Copy,
    block_rows: usize,
    scratch: &mut [u32],
    out: &mut [f32],
) {
    let (dim, tokens) = (params.dim(), params.tokens);
    let count = out.len() / dim;
    let mut scratch = Scratch::of(params, scratch);
    let blocks = |head: usize| {
        let blocks = blocks(params, block_rows).enumerate();
        blocks.map(move |(index, (first, rows))| {
            (first, rows, Packed::of(params, rows, head, packed(index)))
        })
    };
    scratch.find_steps(level, params, qkv);
    for (first, rows, block) in blocks(0) {
        scratch.steps[first..first + rows].copy_from_slice(&block.value_steps[..rows]);
    }
    scratch.steps[tokens..].fill(0.0);
    for head in 0..params.heads {
        let columns = head * params.head_dim..(head + 1) * params.head_dim;
        scratch.round_queries(level, params, &qkv[columns.start..]);
        for (first, _, block) in blocks(head) {
            scratch.score(level, params, first, &block, count);
        }
        scratch.weigh(level, params, count);
        for (first, rows, block) in blocks(head) {
            let weights = Weights {
                of_tokens: &scratch.scores[first..],
                stride: scores_stride(params),
                per_unit: &scratch.per_unit[..count],
            };
            let mut outputs = Mixture {
                out: &mut *out,
                dim,
                columns: columns.clone(),
                sums: scratch.sums,
                units: scratch.units,
                is_first: first == 0,
                is_last: first + rows == tokens,
            };
            weights.mix(level, rows, &block, scratch.weights, &mut outputs);
        }
    }
}

impl Scratch<'_> {
    /// Finds the steps of each row's queries.
    fn find_steps(&mut self, level: Level, params: &Params, qkv: &[f32]) {
        let dim = params.dim();
        level.vectorize(
            #[inline(always)]
            || {
                let rows = qkv.chunks_exact(3 * dim);
                for (row, step) in rows.zip(&mut *self.query_steps) {
                    *step = square(&row[..dim]);
                }
                for (step, steps) in self.query_steps.iter_mut().zip(&mut *self.per_step) {
                    let own = length_step(*step);
                    *steps = per_step(own);
                    *step = own * params.scale();
                }
            },
        );
    }

    /// Rounds a head's queries, which each row of `qkv` begins with.
    fn round_queries(&mut self, level: Level, params: &Params, qkv: &[f32]) {
        let width = words_of(params.head_dim);
        let rows = qkv.chunks(3 * params.dim());
        let words = &mut self.queries[..rows.len() * width];
        level.vectorize(
            #[inline(always)]
            || {
                let words = words.chunks_exact_mut(width);
                for ((row, words), &steps) in rows.zip(words).zip(&*self.per_step) {
                    let (low, high) = halves(&row[..params.head_dim]);
                    round(low, high, steps, words);
                }
            },
        );
        arrange_pair_rows(level, words);
    }

    /// Writes the scores of a block's keys, from key `first` on, as exponents of two.
    fn score(
        &mut self,
        level: Level,
        params: &Params,
        first: usize,
        packed: &Packed<'_>,
        count: usize,
    ) {
        let stride = scores_stride(params);
        let width = words_of(params.head_dim);
        let queries = PairRows {
            words: &*self.queries,
            stride: width,
            count,
        };
        let keys = PairPanels {
            columns: packed.keys,
            pairs: width,
        };
        let mut sink = Scores {
            scores: &mut self.scores[..count * stride],
            stride,
            first,
            query_steps: self.query_steps,
            key_steps: packed.key_steps,
        };
        pair_products(level, queries, keys, &mut sink);
    }

    /// Turns scores into weights times their values' steps, and finds the unit that they are rounded to:
    /// a query's sums are multiplied with it, over the sum of its weights.
    fn weigh(&mut self, level: Level, params: &Params, count: usize) {
        let stride = scores_stride(params);
        let tokens = params.tokens;
        let panels = tokens.next_multiple_of(WIDTH);
        let Self {
            scores,
            steps,
            highest,
            per_unit,
            units,
            ..
        } = self;
        let scores = &mut scores[..count * stride];
        let steps = &steps[..panels];
        level.vectorize(
            #[inline(always)]
            || {
                // Two passes over all rows: in each, rows need not wait for each other.
                for (row, highest) in scores.chunks_exact_mut(stride).zip(&mut **highest) {
                    // What lies beyond the last key, in a panel that is there in full, weighs nothing.
                    row[tokens..panels].fill(f32::NEG_INFINITY);
                    *highest = lanes::max(&row[..panels]);
                }
                let rows = scores.chunks_exact_mut(stride);
                let numbers = highest.iter().zip(&mut **per_unit).zip(&mut **units);
                for (row, ((&highest, per_unit), unit)) in rows.zip(numbers) {
                    let sums = weigh_row(&mut row[..panels], steps, highest);
                    let own = larger(sums.largest / WEIGHT, sums.scaled / most_weights(params));
                    *per_unit = per_step(own);
                    *unit = own / sums.weights;
                }
            },
        );
    }
}

/// What a row's weights add up to, what they do times their values' steps, and the largest of those.
struct Sums {
    weights: f32,
    scaled: f32,
    largest: f32,
}

/// Turns a row of scores into weights, the highest's 1, times `steps`.
#[inline(always)]
fn weigh_row(row: &mut [f32], steps: &[f32], highest: f32) -> Sums {
    // Made anew for each panel, or compilers keep them in memory.
    let [mut weights, mut scaled, mut largest] = [[0.0; WIDTH]; 3];
    let panels = row.as_chunks_mut::<WIDTH>().0.iter_mut();
    for (panel, steps) in panels.zip(steps.as_chunks::<WIDTH>().0) {
        // Lower ones would be nothing in whole numbers, and slow with a step that is small.
        let weight: [f32; WIDTH] = from_fn(|lane| math::exp2_from::<-60>(panel[lane] - highest));
        let times_step: [f32; WIDTH] = from_fn(|lane| weight[lane] * steps[lane]);
        weights = from_fn(|lane| weights[lane] + weight[lane]);
        scaled = from_fn(|lane| scaled[lane] + times_step[lane]);
        largest = from_fn(|lane| larger(times_step[lane], largest[lane]));
        *panel = times_step;
    }
    Sums {
        weights: lanes::sum(&weights, |sum| sum),
        scaled: lanes::sum(&scaled, |sum| sum),
        largest: lanes::max(&largest),
    }
}

/// The larger one, `b` where one is NaN.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// Scores of a block's keys, from key `first` on.
struct Scores<'a> {
    scores: &'a mut [f32],
    stride: usize,
    first: usize,
    query_steps: &'a [f32],
    key_steps: &'a [f32],
}

impl IntegerSink for Scores<'_> {
    #[inline(always)]
    fn write<V: Integers16, const P: usize>(
        &mut self,
        tile: Place,
        sums: impl Fn(usize) -> [V; P],
    ) {
        let mut key_steps = [V::Floats::splat(0.0); P];
        let panels = self.key_steps.as_chunks::<WIDTH>().0;
        for (steps, panel) in key_steps.iter_mut().zip(&panels[tile.panel..]) {
            *steps = V::Floats::load(panel);
        }
        let query_steps = &self.query_steps[tile.row..];
        let rows = self.scores[tile.row * self.stride..].chunks_exact_mut(self.stride);
        let columns = Columns {
            rows: rows.take(tile.rows),
            first: self.first + tile.panel * WIDTH,
        };
        columns.write(
            #[inline(always)]
            |r| {
                let query_step = V::Floats::splat(query_steps[r]);
                let (sums, mut scores) = (sums(r), key_steps);
                for p in 0..P {
                    scores[p] = sums[p].to_floats().mul(key_steps[p]).mul(query_step);
                }
                scores
            },
            |_, scores| scores,
        );
    }
}

/// Rows of weights.
struct Weights<'a> {
    /// From a block's first token of the first row on.
    of_tokens: &'a [f32],
    stride: usize,
    /// How many units of each row one is.
    per_unit: &'a [f32],
}

impl Weights<'_> {
    /// Gives `outputs` a block's values, mixed by the weights of its `tokens`; `words` is scratch.
    fn mix(
        &self,
        level: Level,
        tokens: usize,
        packed: &Packed<'_>,
        words: &mut [u32],
        outputs: &mut Mixture<'_>,
    ) {
        let width = words_of(tokens);
        let count = self.per_unit.len();
        let words = &mut words[..count * width];
        level.vectorize(
            #[inline(always)]
            || {
                let rows = self.of_tokens.chunks(self.stride).zip(self.per_unit);
                for ((row, &per_unit), words) in rows.zip(words.chunks_exact_mut(width)) {
                    let (low, high) = halves(&row[..tokens]);
                    round(low, high, per_unit, words);
                }
            },
        );
        arrange_pair_rows(level, words);
        let rows = PairRows {
            words,
            stride: width,
            count,
        };
        let values = PairPanels {
            columns: packed.values,
            pairs: width,
        };
        pair_products(level, rows, values, outputs);
    }
}

/// A head's columns of the outputs, and the sums of the blocks before.
struct Mixture<'a> {
    out: &'a mut [f32],
    dim: usize,
    columns: Range<usize>,
    sums: &'a mut [i32],
    units: &'a [f32],
    is_first: bool,
    is_last: bool,
}

impl IntegerSink for Mixture<'_> {
    #[inline(always)]
    fn write<V: Integers16, const P: usize>(
        &mut self,
        tile: Place,
        sums: impl Fn(usize) -> [V; P],
    ) {
        let panels = self.columns.len().div_ceil(WIDTH);
        let before = self.sums.as_chunks_mut::<WIDTH>().0;
        let at = |r: usize| (tile.row + r) * panels + tile.panel;
        if !self.is_last {
            for r in 0..tile.rows {
                for (before, sums) in before[at(r)..].iter_mut().zip(sums(r)) {
                    let there = if self.is_first {
                        V::splat(0)
                    } else {
                        V::load(before)
                    };
                    sums.add(there).store(before);
                }
            }
            return;
        }
        let rows = self.out[tile.row * self.dim..].chunks_exact_mut(self.dim);
        let columns = Columns {
            rows: rows.take(tile.rows).map(|row| &mut row[..self.columns.end]),
            first: self.columns.start + tile.panel * WIDTH,
        };
        let (is_first, units) = (self.is_first, &self.units[tile.row..]);
        columns.write(
            #[inline(always)]
            |r| {
                let unit = V::Floats::splat(units[r]);
                let (sums, mut mixed) = (sums(r), [unit; P]);
                for p in 0..P {
                    let all = if is_first {
                        sums[p]
                    } else {
                        sums[p].add(V::load(&before[at(r) + p]))
                    };
                    mixed[p] = all.to_floats().mul(unit);
                }
                mixed
            },
            |_, mixed| mixed,
        );
    }
}
