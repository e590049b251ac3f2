//! A block's keys and values as panels of whole numbers.

use super::{
    halves, keys_len, length_step, pair, per_step, round, square, value_step, values_len, words_of,
};
use crate::attention::Params;
use crate::lanes;
use crate::panel::WIDTH;
use crate::simd::{Level, arrange_pair_panels};

/// Packs the keys and values of a block: `qkv` is `[rows, 3 * dim]`, `packed` [`packed_len`] long.
pub(in crate::attention) fn pack(level: Level, params: &Params, qkv: &[f32], packed: &mut [u32]) {
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
        // The lanes of a last panel that have no token: whatever they held might add up to too much.
        let keys_len = keys_len(self.params, self.rows);
        for head in self.heads.chunks_exact_mut(head_len) {
            for column in head[self.rows / WIDTH * panel_len..keys_len].chunks_mut(WIDTH) {
                column[self.rows % WIDTH..].fill(0);
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
            for token in tokens.into_iter().filter(|&token| token < self.rows) {
                let largest = lanes::largest_magnitude(self.row(2, token));
                self.value_steps[token] = value_step(self.params, largest);
            }
            // Beyond the last token there are none of its steps.
            let [low, high] = tokens.map(|token| self.row(2, token.min(self.rows - 1)));
            let steps = tokens.map(|token| match self.value_steps[..self.rows].get(token) {
                Some(&step) => per_step(step),
                None => 0.0,
            });
            let pairs = low.chunks_exact(head_dim).zip(high.chunks_exact(head_dim));
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
