//! What examples of finite numbers do not show.

use super::{Params, cpu, whole_len};
use crate::case::Stream;
use crate::simd::Level;
use alloc::vec;

/// A softmax that passed over NaN would give numbers that look right.
#[test]
fn what_is_not_finite_reaches_all_outputs_that_see_it() {
    for (level, exact) in Level::available().flat_map(|level| [(level, false), (level, true)]) {
        let params = Params {
            tokens: 19,
            heads: 2,
            head_dim: 5,
            exact,
        };
        let dim = params.dim();
        for bad in [f32::NAN, f32::INFINITY] {
            // A number of the second head of token 3: of its query, its key and its value.
            for part in 0..3 {
                let mut qkv = Stream::new(3).values(params.tokens * 3 * dim, 1.0);
                qkv[3 * 3 * dim + part * dim + params.head_dim] = bad;
                let mut scratch = vec![0; whole_len(&params)];
                let mut out = vec![0.0; params.tokens * dim];
                cpu(level, &params, &qkv, &mut scratch, &mut out);
                let sees = |token: usize| match part {
                    0 => token == 3,
                    // An infinite score is as low as it may be high.
                    1 => bad.is_nan(),
                    _ => true,
                };
                for (token, row) in out.chunks_exact(dim).enumerate() {
                    // A token's heads have their steps in common.
                    let others = &row[..if exact { 0 } else { params.head_dim }];
                    assert!(others.iter().all(|value| value.is_finite()));
                    let number = row[params.head_dim];
                    let name = level.name();
                    assert!(
                        !(sees(token) && number.is_finite()),
                        "{name}: {bad} in {part} leaves {number} in row {token}"
                    );
                }
            }
        }
    }
}

/// Where all weights are alike and all numbers at their largest, sums are, too.
#[test]
fn the_largest_sums_are_exact() {
    for (level, tokens) in Level::available().flat_map(|l| [1, 3, 197, 1025].map(|t| (l, t))) {
        let params = Params {
            tokens,
            heads: 1,
            head_dim: 24,
            exact: true,
        };
        for (number, value) in [(0.0, -3.0), (2.5, 1e-20), (-70.0, 1e20)] {
            let row = [[number; 24], [number; 24], [value; 24]];
            let qkv = [row].repeat(tokens);
            let qkv = qkv.as_flattened().as_flattened();
            let mut scratch = vec![u32::MAX; whole_len(&params)];
            let mut out = vec![f32::NAN; tokens * 24];
            cpu(level, &params, qkv, &mut scratch, &mut out);
            let near = |out: &f32| (out - value).abs() <= 1e-3 * value.abs();
            let name = level.name();
            assert!(
                out.iter().all(near),
                "{name}, {tokens}: {value} and {out:?}"
            );
        }
    }
}
