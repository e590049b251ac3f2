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
