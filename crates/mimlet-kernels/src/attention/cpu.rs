//! Attention on the CPU, of floats or exact. Keys and values are packed block by block of rows, and every
//! block of queries meets all of them.

use super::{Params, exact, floats};
use crate::panel::WIDTH;
use crate::simd::Level;

/// Most queries handled together: what they and a head's keys and values take stays near a core.
pub(super) const QUERIES: usize = 24;

/// Words of a block's packed keys and values, for a block of `rows` tokens.
#[must_use]
pub fn packed_len(params: &Params, rows: usize) -> usize {
    if params.exact {
        exact::packed_len(params, rows)
    } else {
        floats::packed_len(params, rows)
    }
}

/// Words of scratch for [`attend`].
#[must_use]
pub fn scratch_len(params: &Params) -> usize {
    if params.exact {
        exact::scratch_len(params)
    } else {
        floats::scratch_len(params)
    }
}

/// Packs the keys and values of a block: `qkv` is `[rows, 3 * dim]`, `packed` [`packed_len`] long.
pub fn pack(level: Level, params: &Params, qkv: &[f32], packed: &mut [u32]) {
    if params.exact {
        exact::pack(level, params, qkv, packed);
    } else {
        floats::pack(params, qkv, bytemuck::cast_slice_mut(packed));
    }
}

/// Writes attention's outputs for some queries to `out` `[queries, dim]`. `qkv` holds the queries'
/// rows, `[queries, 3 * dim]`; `packed` gives the keys and values of each block of `block_rows`
/// tokens; `scratch` is [`scratch_len`] long.
/// Where it is [exact](Params::exact), every machine gives the same bits.
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
    let blocks = Blocks {
        packed,
        rows: block_rows,
    };
    // As few parts as there may be, all about as long.
    let queries = out.len() / dim;
    let part = queries.div_ceil(queries.div_ceil(QUERIES));
    let parts = qkv.chunks(part * 3 * dim);
    for (qkv, out) in parts.zip(out.chunks_mut(part * dim)) {
        if params.exact {
            exact::attend(level, params, qkv, blocks, scratch, out);
        } else {
            let scratch = bytemuck::cast_slice_mut(scratch);
            floats::attend(level, params, qkv, blocks, scratch, out);
        }
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
    pack(level, params, qkv, packed);
    attend(
        level,
        params,
        qkv,
        |_| &*packed,
        params.tokens,
        scratch,
        out,
    );
}

/// The packed keys and values of all tokens, in blocks of `rows`; the last may have fewer.
#[derive(Clone, Copy)]
pub(super) struct Blocks<F> {
    packed: F,
    rows: usize,
}

impl<'p, F: Fn(usize) -> &'p [u32] + Copy> Blocks<F> {
    /// Each block's first token, how many it has, and what is packed of them.
    pub(super) fn each(
        self,
        params: &Params,
    ) -> impl Iterator<Item = (usize, usize, &'p [u32])> + use<'p, F> {
        let Self { packed, rows } = self;
        let tokens = params.tokens;
        let firsts = (0..tokens).step_by(rows).enumerate();
        firsts.map(move |(index, first)| (first, rows.min(tokens - first), packed(index)))
    }
}

/// Scores of a row: those of all tokens, and as many more as the last of a block's panels may have
/// too many.
pub(super) fn scores_stride(params: &Params) -> usize {
    (params.tokens + WIDTH - 1).next_multiple_of(WIDTH)
}
