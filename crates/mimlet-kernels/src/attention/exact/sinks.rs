//! Where exact sums go: to scores, and to outputs.

use crate::epilogue::Columns;
use crate::panel::WIDTH;
use crate::simd::{Floats16, IntegerSink, Integers16, Place};
use core::ops::Range;

/// Scores of a block's keys, from key `first` on.
pub(super) struct Scores<'a> {
    pub(super) scores: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) first: usize,
    pub(super) query_steps: &'a [f32],
    pub(super) key_steps: &'a [f32],
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

/// A head's columns of the outputs, and the sums of the blocks before.
pub(super) struct Mixture<'a> {
    pub(super) out: &'a mut [f32],
    pub(super) dim: usize,
    pub(super) columns: Range<usize>,
    pub(super) sums: &'a mut [i32],
    pub(super) units: &'a [f32],
    pub(super) is_first: bool,
    pub(super) is_last: bool,
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
