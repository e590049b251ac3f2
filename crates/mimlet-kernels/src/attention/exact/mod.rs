//! Attention in whole numbers, whose sums are exact: every machine gives the same bits.
//!
//! A token's queries and its keys are each rounded to whole numbers of a step, a 32,000th of their length
//! over all heads, so that products of two heads are below `2^30` (Cauchy and Schwarz) and scores are as far
//! off in each head; its values to at most 7,800 steps. A value's step goes to its weight: weights times
//! steps are rounded to at most 32,000, of a unit for which the sum of a row's weights times so many fits
//! i32. Products are of pairs of 16 bits. NaN makes a step NaN, and with it all that sees the token.

mod attend;
mod pack;
mod scratch;
mod sinks;

use super::Params;
use crate::panel::WIDTH;
use crate::{lanes, math};

pub(super) use attend::attend;
pub(super) use pack::pack;
pub(super) use scratch::scratch_len;

/// The length of rounded queries and keys.
const LENGTH: f32 = 32_000.0;

/// The largest rounded value. Of more than 512 tokens it is smaller, down to 1,000, so that the weights of
/// many that are alike are not rounded too coarsely: to a thousandth, of as many as 4,096.
fn most_value(params: &Params) -> f32 {
    let most = 7_800 * 512 / params.tokens.max(512);
    most.max(1_000) as f32
}

/// The largest rounded weight.
const WEIGHT: f32 = 32_000.0;

/// What a row's weights may add up to, before they are rounded: rounding adds at most half of what is left
/// for it, and a file has at most 65,535 tokens.
fn most_weights(params: &Params) -> f32 {
    (i32::MAX as f32 / most_value(params)) - params.tokens as f32
}

/// Words of a row of `len` 16-bit numbers: number `i` lies beside number `i + words`, because then
/// neighbours in memory are neighbours in registers. Even, as panels of pairs are.
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
pub(super) fn value_step(params: &Params, largest: f32) -> f32 {
    largest / most_value(params)
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
