//! Attention in f64, one query at a time.

use super::{Params, exact};
use crate::lanes;
use alloc::vec::Vec;

/// Writes attention's outputs `[tokens, dim]` for `qkv` `[tokens, 3 * dim]`. Where it is exact, queries,
/// keys and values are rounded as they are there.
pub fn reference(params: &Params, qkv: &[f32], out: &mut [f32]) {
    let dim = params.dim();
    let rows = qkv.chunks_exact(dim).enumerate();
    let qkv: Vec<f64> = rows
        .flat_map(|(index, row)| {
            let step = match index % 3 {
                _ if !params.exact => None,
                2 => Some(exact::value_step(params, lanes::largest_magnitude(row))),
                _ => Some(exact::length_step(exact::square(row))),
            };
            row.iter().map(move |&x| rounded(x, step))
        })
        .collect();
    let value =
        |token: usize, part: usize, column: usize| qkv[token * 3 * dim + part * dim + column];
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

/// A number as so many of its row's steps.
fn rounded(x: f32, step: Option<f32>) -> f64 {
    match step {
        None => f64::from(x),
        Some(step) => f64::from(libm::rintf(x * exact::per_step(step))) * f64::from(step),
    }
}
