//! What the fused operations compute, in f64 and loop by loop.

use crate::nn::fused::block::{Parts, Shape};

/// `[rows, outputs]` from `x`, `[rows, inputs]`: `x W^T + b`.
pub(super) fn linear(x: &[f64], weight: &[f64], bias: &[f64]) -> Vec<f64> {
    let inputs = weight.len() / bias.len();
    let mut out = Vec::new();
    for row in x.chunks_exact(inputs) {
        for (weights, bias) in weight.chunks_exact(inputs).zip(bias) {
            let product: f64 = row.iter().zip(weights).map(|(x, w)| x * w).sum();
            out.push(product + bias);
        }
    }
    out
}

/// Layer norm of each row.
pub(super) fn norm(x: &[f64], gain: &[f64], offset: &[f64]) -> Vec<f64> {
    let dim = gain.len() as f64;
    let mut out = Vec::new();
    for row in x.chunks_exact(gain.len()) {
        let mean = row.iter().sum::<f64>() / dim;
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / dim;
        let scale = 1.0 / (variance + crate::nn::norm::EPSILON).sqrt();
        let affine = row.iter().zip(gain).zip(offset);
        out.extend(affine.map(|((x, gain), offset)| (x - mean) * scale * gain + offset));
    }
    out
}

pub(super) fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + libm::erf(x / std::f64::consts::SQRT_2))
}

/// What the heads mix, `[rows, dim]`, from `qkv`, `[rows, 3 dim]`.
fn attention(shape: Shape, qkv: &[f64]) -> Vec<f64> {
    let Shape { tokens, dim, .. } = shape;
    let width = dim / shape.heads;
    let scale = 1.0 / (width as f64).sqrt();
    let mut out = vec![0.0; shape.rows() * dim];
    let at = |row: usize, part: usize, column: usize| qkv[row * 3 * dim + part * dim + column];
    for row in 0..shape.rows() {
        let image = row / tokens * tokens;
        for head in 0..shape.heads {
            let columns = head * width..(head + 1) * width;
            let score = |other: usize| -> f64 {
                let products = columns.clone().map(|c| at(row, 0, c) * at(other, 1, c));
                (products.sum::<f64>() * scale).exp()
            };
            let weights: Vec<f64> = (image..image + tokens).map(score).collect();
            let total: f64 = weights.iter().sum();
            for column in columns {
                let mixed = weights.iter().enumerate();
                let mixed = mixed.map(|(other, w)| w * at(image + other, 2, column));
                out[row * dim + column] = mixed.sum::<f64>() / total;
            }
        }
    }
    out
}

pub(super) fn block(shape: Shape, parameters: &Parts<Vec<f64>>, x: &[f64]) -> Vec<f64> {
    let p = parameters;
    let normed = norm(x, &p.norm1_gain, &p.norm1_offset);
    let mixed = attention(shape, &linear(&normed, &p.qkv_weight, &p.qkv_bias));
    let joined = linear(&mixed, &p.proj_weight, &p.proj_bias);
    let middle: Vec<f64> = x.iter().zip(joined).map(|(x, y)| x + y).collect();
    let normed = norm(&middle, &p.norm2_gain, &p.norm2_offset);
    let hidden = linear(&normed, &p.fc1_weight, &p.fc1_bias);
    let activated: Vec<f64> = hidden.into_iter().map(gelu).collect();
    let widened = linear(&activated, &p.fc2_weight, &p.fc2_bias);
    middle.iter().zip(widened).map(|(x, y)| x + y).collect()
}

pub(super) fn cross_entropy(logits: &[f64], targets: &[usize]) -> f64 {
    let classes = logits.len() / targets.len();
    let rows = logits.chunks_exact(classes).zip(targets);
    let loss = |(row, &target): (&[f64], &usize)| {
        let total: f64 = row.iter().map(|logit| logit.exp()).sum();
        total.ln() - row[target]
    };
    rows.map(loss).sum::<f64>() / targets.len() as f64
}
