//! Room for a few queries of a head.

use super::words_of;
use crate::attention::Params;
use crate::attention::cpu::{QUERIES, scores_stride};
use crate::panel::WIDTH;

/// Words of scratch for [`super::attend`].
pub(in crate::attention) fn scratch_len(params: &Params) -> usize {
    let parts = Scratch::lengths(params);
    parts.scores + parts.weights + parts.queries + parts.sums + parts.steps + 5 * QUERIES
}

/// What a few queries of a head need.
pub(super) struct Scratch<'a> {
    /// Scores, then weights times their values' steps, `[queries, scores_stride]`.
    pub(super) scores: &'a mut [f32],
    /// A block's rounded weights.
    pub(super) weights: &'a mut [u32],
    /// Rounded queries.
    pub(super) queries: &'a mut [u32],
    /// Sums of the blocks before, `[queries, head_dim to whole panels]`.
    pub(super) sums: &'a mut [i32],
    /// The values' steps.
    pub(super) steps: &'a mut [f32],
    /// How many steps of a query one is.
    pub(super) per_step: &'a mut [f32],
    /// What a query's products are multiplied with.
    pub(super) query_steps: &'a mut [f32],
    /// How many units of a query's weights one is.
    pub(super) per_unit: &'a mut [f32],
    /// A query's highest score.
    pub(super) highest: &'a mut [f32],
    /// What a query's sums of values are multiplied with.
    pub(super) units: &'a mut [f32],
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

    pub(super) fn of(params: &Params, scratch: &'a mut [u32]) -> Self {
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
