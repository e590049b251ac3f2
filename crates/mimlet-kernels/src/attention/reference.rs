//! Attention in f64, one query at a time.

use super::Params;
use alloc::vec::Vec;

/// Writes attention's outputs `[tokens, dim]` for `qkv` `[tokens, 3 * dim]`.
pub fn reference(params: &Params, qkv: &[f32], out: &mut [f32]) {
    let dim = params.dim();
    let value = |token: usize, part: usize, column: usize| {
        f64::from(qkv[token * 3 * dim + part * dim + column])
    };
    for token in 0..params.tokens {
        for head in 0..params.heads {
            let columns = head * params.head_dim..(head + 1) * params.head_dim;
            let scores: Vec<f64> = (0..params.tokens)
                .map(|key| {
                    columns
                        .clone()
                        .map(|c| value(token, 0, c) * value(key, 1, c))
                        .sum::<f64>()
                })
                .map(|score| score / libm::sqrt(params.head_dim as f64))
                .collect();
            let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = scores.iter().map(|s| libm::exp(s - largest)).collect();
            let total: f64 = weights.iter().sum();
            for column in columns {
                let sum: f64 = (0..params.tokens)
                    .map(|key| weights[key] * value(key, 2, column))
                    .sum();
                out[token * dim + column] = (sum / total) as f32;
            }
        }
    }
}
