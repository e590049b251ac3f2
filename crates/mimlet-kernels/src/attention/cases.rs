//! Odd token counts and head widths, scores far apart, one token.

use super::{Params, attend, pack, packed_len, reference, scratch_len, variants};
use crate::case::{Case, Output, Stream, Tolerance, Values, at_each_level, unwritten_f32};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

/// The examples of attention: (tokens, heads, head_dim, largest input).
pub(crate) fn cases() -> Vec<Case> {
    [
        (1, 1, 1, 1.0),
        (3, 2, 5, 1.0),
        (65, 4, 32, 1.0),
        (197, 3, 64, 2.0),
        (64, 1, 128, 1.0),
        (26, 2, 37, 20.0),
        (70, 2, 101, 1.0),
    ]
    .iter()
    .flat_map(|&shape| [case(shape, false), case(shape, true)])
    .collect()
}

fn case((tokens, heads, head_dim, largest): (usize, usize, usize, f32), exact: bool) -> Case {
    let params = Params {
        tokens,
        heads,
        head_dim,
        exact,
    };
    let dim = params.dim();
    let qkv = Stream::new(0x17).values(tokens * 3 * dim, largest);
    let mut expected = vec![0.0; tokens * dim];
    reference(&params, &qkv, &mut expected);
    // Scores grow with the square of the inputs, and an error in a score is one in its weight.
    // Half a unit of each weight, all values at their largest.
    let unit = (1.0 / 32_000.0f32).max(tokens as f32 / 268_000.0);
    let lost = if exact {
        tokens as f32 * unit / 2.0 * largest
    } else {
        0.0
    };
    let tolerance = Tolerance::Near {
        absolute: 2e-6 * largest * largest.max(4.0) + lost,
        relative: 1e-4,
    };
    Case {
        fuses: !exact,
        name: format!(
            "{tokens} tokens, {heads} heads of {head_dim}, up to {largest}, exact {exact}"
        ),
        // A GPU knows floats alone.
        variants: if exact { vec![] } else { variants(&params, 1) },
        buffers: vec![Values::F32(qkv.clone()), unwritten_f32(tokens * dim)],
        outputs: vec![Output {
            binding: 1,
            expected: Values::F32(expected),
            cpu: tolerance,
            gpu: tolerance,
        }],
        cpu: at_each_level(|level| {
            let mut out = vec![f32::NAN; tokens * dim];
            // In blocks, as threads would share them.
            let blocks = qkv.chunks(BLOCK * 3 * dim).map(|qkv| {
                let rows = qkv.len() / (3 * dim);
                let mut packed = vec![u32::MAX; packed_len(&params, rows)];
                pack(level, &params, qkv, &mut packed);
                packed
            });
            let blocks: Vec<Vec<u32>> = blocks.collect();
            let packed = |block: usize| blocks[block].as_slice();
            let mut scratch = vec![u32::MAX; scratch_len(&params)];
            let queries = qkv.chunks(BLOCK * 3 * dim);
            for (qkv, out) in queries.zip(out.chunks_mut(BLOCK * dim)) {
                attend(level, &params, qkv, packed, BLOCK, &mut scratch, out);
            }
            vec![Values::F32(out)]
        }),
    }
}

/// Rows of a block: no whole panel.
const BLOCK: usize = 21;
