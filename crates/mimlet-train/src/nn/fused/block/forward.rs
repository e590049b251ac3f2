//! `x + proj(attn(norm1(x)))`, then `x + fc2(gelu(fc1(norm2(x))))`.

use rayon::prelude::*;

use super::{Parts, ROWS, Shape};
use crate::nn::fused::attention;
use crate::nn::fused::buffer::Buffer;
use crate::nn::fused::gemm::{Left, Panels, multiply};
use crate::nn::fused::norm::{Affine, normalise};
use crate::nn::fused::rows::{activate, repeat, repeat_onto};

/// What the backward pass needs of the forward pass, besides its input.
#[derive(Debug)]
pub(in crate::nn::fused) struct Saved {
    /// `[rows, 3 dim]`.
    pub(super) qkv: Buffer,
    /// What the heads mixed, `[rows, dim]`.
    pub(super) mixed: Buffer,
    /// The residual stream between attention and MLP, `[rows, dim]`.
    pub(super) middle: Buffer,
    /// `fc1`'s output, `[rows, mlp]`.
    pub(super) hidden: Buffer,
}

/// The weights as right-hand sides.
struct Packed {
    qkv: Panels,
    proj: Panels,
    fc1: Panels,
    fc2: Panels,
}

/// `out`, `[rows, dim]`, from `x`, `[rows, dim]`.
pub(in crate::nn::fused) fn forward(
    shape: Shape,
    parameters: &Parts<&[f32]>,
    x: &[f32],
    out: &mut [f32],
) -> Saved {
    let Shape { dim, mlp, .. } = shape;
    let packed = pack(shape, parameters);
    let rows = shape.rows();
    let mut saved = Saved {
        qkv: Buffer::new(rows * 3 * dim),
        mixed: Buffer::new(rows * dim),
        middle: Buffer::new(rows * dim),
        hidden: Buffer::new(rows * mlp),
    };
    let group = shape.group();
    let x = x.par_chunks(group * dim);
    let outputs = out
        .par_chunks_mut(group * dim)
        .zip(saved.qkv.par_chunks_mut(group * 3 * dim))
        .zip(saved.mixed.par_chunks_mut(group * dim))
        .zip(saved.middle.par_chunks_mut(group * dim))
        .zip(saved.hidden.par_chunks_mut(group * mlp));
    x.zip(outputs).with_max_len(1).for_each_init(
        || Scratch::new(shape),
        |scratch, (x, ((((out, qkv), mixed), middle), hidden))| {
            attend(shape, parameters, &packed, (x, qkv, mixed, middle), scratch);
            widen(shape, parameters, &packed, (middle, hidden, out), scratch);
        },
    );
    saved
}

fn pack(shape: Shape, parameters: &Parts<&[f32]>) -> Packed {
    let pack = |weight: &[f32], inputs: usize| {
        Panels::from_columns(weight, inputs, inputs, weight.len() / inputs)
    };
    let ((qkv, proj), (fc1, fc2)) = rayon::join(
        || {
            let qkv = pack(parameters.qkv_weight, shape.dim);
            (qkv, pack(parameters.proj_weight, shape.dim))
        },
        || {
            let fc1 = pack(parameters.fc1_weight, shape.dim);
            (fc1, pack(parameters.fc2_weight, shape.mlp))
        },
    );
    Packed {
        qkv,
        proj,
        fc1,
        fc2,
    }
}

/// One thread's working memory.
struct Scratch {
    attention: attention::Scratch,
    normed: Buffer,
    activated: Buffer,
}

impl Scratch {
    fn new(shape: Shape) -> Self {
        Self {
            attention: attention::Scratch::new(),
            normed: Buffer::new(ROWS * shape.dim),
            activated: Buffer::new(ROWS * shape.mlp),
        }
    }
}

/// The first half, for one group: fills `qkv`, `mixed` and `middle`.
fn attend(
    shape: Shape,
    parameters: &Parts<&[f32]>,
    packed: &Packed,
    (x, qkv, mixed, middle): (&[f32], &mut [f32], &mut [f32], &mut [f32]),
    scratch: &mut Scratch,
) {
    let dim = shape.dim;
    let affine = Affine {
        gain: parameters.norm1_gain,
        offset: parameters.norm1_offset,
    };
    let chunks = x.chunks(ROWS * dim).zip(qkv.chunks_mut(ROWS * 3 * dim));
    for (x, qkv) in chunks {
        let normed = &mut scratch.normed[..x.len()];
        normalise(x, affine, normed);
        repeat(parameters.qkv_bias, qkv);
        apply(normed, dim, &packed.qkv, qkv, 3 * dim);
    }
    let images = qkv.chunks_exact(shape.tokens * 3 * dim);
    for (qkv, mixed) in images.zip(mixed.chunks_exact_mut(shape.tokens * dim)) {
        let heads = shape.attention();
        heads.forward(qkv, mixed, &mut scratch.attention);
    }
    repeat_onto(parameters.proj_bias, x, middle);
    apply(mixed, dim, &packed.proj, middle, dim);
}

/// The second half, for one group: fills `hidden` and `out`.
fn widen(
    shape: Shape,
    parameters: &Parts<&[f32]>,
    packed: &Packed,
    (middle, hidden, out): (&[f32], &mut [f32], &mut [f32]),
    scratch: &mut Scratch,
) {
    let Shape { dim, mlp, .. } = shape;
    let affine = Affine {
        gain: parameters.norm2_gain,
        offset: parameters.norm2_offset,
    };
    let chunks = middle
        .chunks(ROWS * dim)
        .zip(hidden.chunks_mut(ROWS * mlp))
        .zip(out.chunks_mut(ROWS * dim));
    for ((middle, hidden), out) in chunks {
        let normed = &mut scratch.normed[..middle.len()];
        normalise(middle, affine, normed);
        repeat(parameters.fc1_bias, hidden);
        apply(normed, dim, &packed.fc1, hidden, mlp);
        let activated = &mut scratch.activated[..hidden.len()];
        activate(hidden, activated);
        repeat_onto(parameters.fc2_bias, middle, out);
        apply(activated, mlp, &packed.fc2, out, dim);
    }
}

/// `out += x W`, both without gaps.
pub(super) fn apply(x: &[f32], inputs: usize, weight: &Panels, out: &mut [f32], outputs: usize) {
    let left = Left::ByRow {
        data: x,
        stride: inputs,
    };
    multiply(left, weight, x.len() / inputs, out, outputs);
}
