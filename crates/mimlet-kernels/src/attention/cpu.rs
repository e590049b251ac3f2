//! Attention as two products with panels per head, with the softmax of each row between them.

use super::Params;
use crate::panel::{Panels, Rows, WIDTH, len16, multiply_add};
use crate::simd::Level;
use crate::{lanes, math};

/// Queries handled together.
const QUERIES: usize = 24;

/// Floats of scratch one call needs: keys and values of a head as panels, and the scores of a block
/// of queries.
#[must_use]
pub fn scratch_len(params: &Params) -> usize {
    let keys = len16(params.tokens, params.head_dim);
    let values = len16(params.head_dim, params.tokens);
    keys + values + QUERIES * params.tokens
}

/// Writes attention's outputs for the queries from token `first` on to `out` `[queries, dim]`, as
/// many as `out` holds. `qkv` is `[tokens, 3 * dim]`; `scratch` is [`scratch_len`] long.
pub fn cpu(
    level: Level,
    params: &Params,
    qkv: &[f32],
    first: usize,
    scratch: &mut [f32],
    out: &mut [f32],
) {
    level.vectorize(
        #[inline(always)]
        || {
            for head in 0..params.heads {
                one_head(params, qkv, [first, head], scratch, out);
            }
        },
    );
}

#[inline(always)]
fn one_head(
    params: &Params,
    qkv: &[f32],
    [first, head]: [usize; 2],
    scratch: &mut [f32],
    out: &mut [f32],
) {
    let &Params {
        tokens, head_dim, ..
    } = params;
    let dim = params.dim();
    let (keys, rest) = scratch.split_at_mut(len16(tokens, head_dim));
    let (values, scores) = rest.split_at_mut(len16(head_dim, tokens));
    pack(params, qkv, head, keys, values);
    for (block, out) in out.chunks_mut(QUERIES * dim).enumerate() {
        let rows = out.len() / dim;
        let query = (first + block * QUERIES) * 3 * dim + head * head_dim;
        let scores = &mut scores[..rows * tokens];
        scores.fill(0.0);
        let queries = Rows {
            values: &qkv[query..],
            stride: 3 * dim,
        };
        multiply_add(
            queries,
            Panels::F32(keys),
            [rows, head_dim, tokens],
            scores,
            tokens,
        );
        for row in scores.chunks_exact_mut(tokens) {
            softmax(row, params.scale());
        }
        for row in out.chunks_exact_mut(dim) {
            row[head * head_dim..(head + 1) * head_dim].fill(0.0);
        }
        let weights = Rows {
            values: scores,
            stride: tokens,
        };
        let out = &mut out[head * head_dim..];
        multiply_add(
            weights,
            Panels::F32(values),
            [rows, tokens, head_dim],
            out,
            dim,
        );
    }
}

/// Copies a head's keys to panels `[tokens, head_dim]` and its values to panels
/// `[head_dim, tokens]`.
#[inline(always)]
fn pack(params: &Params, qkv: &[f32], head: usize, keys: &mut [f32], values: &mut [f32]) {
    let &Params {
        tokens, head_dim, ..
    } = params;
    let dim = params.dim();
    keys[(tokens / WIDTH) * WIDTH * head_dim..].fill(0.0);
    values[(head_dim / WIDTH) * WIDTH * tokens..].fill(0.0);
    for (token, row) in qkv.chunks_exact(3 * dim).enumerate() {
        let key = &row[dim + head * head_dim..][..head_dim];
        let panel = &mut keys[token / WIDTH * WIDTH * head_dim..];
        for (column, &value) in key.iter().enumerate() {
            panel[column * WIDTH + token % WIDTH] = value;
        }
        let value = &row[2 * dim + head * head_dim..][..head_dim];
        for (panel, value) in value.chunks(WIDTH).enumerate() {
            let start = (panel * tokens + token) * WIDTH;
            values[start..start + value.len()].copy_from_slice(value);
        }
    }
}

/// Turns a row of scores into weights that sum to 1.
#[inline(always)]
fn softmax(row: &mut [f32], scale: f32) {
    let largest = lanes::max(f32::NEG_INFINITY, row, |score| score) * scale;
    for score in row.iter_mut() {
        *score = math::exp(*score * scale - largest);
    }
    let inverse = 1.0 / lanes::sum(row, |weight| weight);
    for weight in row.iter_mut() {
        *weight *= inverse;
    }
}
