//! A few queries' outputs: their scores, the exponentials of each row, and the values mixed by them.

use super::scratch::Scratch;
use super::sinks::{Mixture, Scores};
use super::{Packed, WEIGHT, halves, length_step, most_weights, per_step, round, square, words_of};
use crate::attention::Params;
use crate::attention::cpu::{Blocks, scores_stride};
use crate::panel::WIDTH;
use crate::simd::{Level, PairPanels, PairRows, arrange_pair_rows, pair_products};
use crate::{lanes, math};
use core::array::from_fn;

/// Writes the outputs of a few queries, whose rows are `qkv`, to `out` `[queries, dim]`.
pub(in crate::attention) fn attend<'p>(
    level: Level,
    params: &Params,
    qkv: &[f32],
    blocks: Blocks<impl Fn(usize) -> &'p [u32] + Copy>,
    scratch: &mut [u32],
    out: &mut [f32],
) {
    let (dim, tokens) = (params.dim(), params.tokens);
    let count = out.len() / dim;
    let mut scratch = Scratch::of(params, scratch);
    let of_head = |head: usize| {
        let blocks = blocks.each(params);
        blocks.map(move |(first, rows, block)| (first, rows, Packed::of(params, rows, head, block)))
    };
    scratch.find_steps(level, params, qkv);
    for (first, rows, block) in of_head(0) {
        scratch.steps[first..first + rows].copy_from_slice(&block.value_steps[..rows]);
    }
    scratch.steps[tokens..].fill(0.0);
    for head in 0..params.heads {
        let columns = head * params.head_dim..(head + 1) * params.head_dim;
        scratch.round_queries(level, params, &qkv[columns.start..]);
        for (first, _, block) in of_head(head) {
            scratch.score(level, params, first, &block, count);
        }
        scratch.weigh(level, params, count);
        for (first, rows, block) in of_head(head) {
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
                // Three passes over all rows: in each, rows need not wait for each other.
                for (row, highest) in scores.chunks_exact_mut(stride).zip(&mut **highest) {
                    // What lies beyond the last key, in a panel that is there in full, weighs nothing.
                    row[tokens..panels].fill(f32::NEG_INFINITY);
                    *highest = lanes::max(&row[..panels]);
                }
                let rows = scores.chunks_exact_mut(stride);
                let numbers = highest.iter_mut().zip(&mut **per_unit).zip(&mut **units);
                for (row, ((highest, scaled), weights)) in rows.zip(numbers) {
                    let sums = weigh_row(&mut row[..panels], steps, *highest);
                    (*highest, *scaled, *weights) = (sums.largest, sums.scaled, sums.weights);
                }
                let numbers = highest.iter().zip(&mut **per_unit).zip(&mut **units);
                for ((&largest, per_unit), unit) in numbers {
                    let own = larger(largest / WEIGHT, *per_unit / most_weights(params));
                    *per_unit = per_step(own);
                    *unit = own / *unit;
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
        weights: lanes::sum_lanes(weights),
        scaled: lanes::sum_lanes(scaled),
        largest: lanes::max_lanes(largest),
    }
}

/// The larger one, `b` where one is NaN.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
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
