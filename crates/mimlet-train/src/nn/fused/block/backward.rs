//! The gradients of a block, from the output back to the input.

use rayon::prelude::*;

use super::forward::{Saved, apply};
use super::{Parts, ROWS, Shape};
use crate::nn::fused::attention;
use crate::nn::fused::buffer::Buffer;
use crate::nn::fused::gemm::Panels;
use crate::nn::fused::norm::{self, Affine};
use crate::nn::fused::rows::{activate_backward, add_rows};
use crate::nn::fused::weights::{self, WeightGradient};

/// What the weights' gradients are made of, for all rows.
struct Operands {
    /// `gelu(fc1)`, `[rows, mlp]`, and the gradient before the GELU.
    activated: Buffer,
    hidden: Buffer,
    /// The norms' outputs, `[rows, dim]`.
    normed1: Buffer,
    normed2: Buffer,
    /// Gradient of the residual stream between the halves, `[rows, dim]`.
    middle: Buffer,
    /// `[rows, 3 dim]`.
    qkv: Buffer,
}

/// The weights as right-hand sides of `dX = dY W`.
struct Packed {
    qkv: Panels,
    proj: Panels,
    fc1: Panels,
    fc2: Panels,
}

/// Writes the gradient of `x` into `input` and returns those of the parameters, given that of the
/// output.
pub(in crate::nn::fused) fn backward(
    shape: Shape,
    parameters: &Parts<&[f32]>,
    saved: &Saved,
    x: &[f32],
    output: &[f32],
    input: &mut [f32],
) -> Parts<Vec<f32>> {
    let (rows, dim, mlp) = (shape.rows(), shape.dim, shape.mlp);
    let packed = pack(shape, parameters);
    let mut operands = Operands {
        activated: Buffer::new(rows * mlp),
        hidden: Buffer::new(rows * mlp),
        normed1: Buffer::new(rows * dim),
        normed2: Buffer::new(rows * dim),
        middle: Buffer::new(rows * dim),
        qkv: Buffer::new(rows * 3 * dim),
    };
    let sums_len = Sums::len(shape);
    let tasks = split(shape, saved, x, output, input, &mut operands);
    let mut sums = Buffer::zeros(tasks.len() * sums_len);
    tasks
        .into_par_iter()
        .zip(sums.par_chunks_mut(sums_len.max(1)))
        .with_max_len(1)
        .for_each_init(
            || Scratch::new(shape),
            |scratch, (mut task, sums)| {
                let mut sums = Sums::of(shape, sums);
                task.mlp(shape, parameters, &packed, &mut sums, scratch);
                task.attention(shape, parameters, &packed, &mut sums, scratch);
            },
        );
    let mut gradients = gradients_of_vectors(shape, &sums);
    gradients_of_weights(shape, saved, output, &operands, &mut gradients);
    gradients
}

fn pack(shape: Shape, parameters: &Parts<&[f32]>) -> Packed {
    let pack = |weight: &[f32], inputs: usize| {
        Panels::from_rows(weight, inputs, weight.len() / inputs, inputs)
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

/// Sums over rows of one group: gradients of the parameters that are vectors.
struct Sums<'a> {
    norm1: (&'a mut [f32], &'a mut [f32]),
    qkv: &'a mut [f32],
    proj: &'a mut [f32],
    norm2: (&'a mut [f32], &'a mut [f32]),
    fc1: &'a mut [f32],
    fc2: &'a mut [f32],
}

impl<'a> Sums<'a> {
    fn len(shape: Shape) -> usize {
        9 * shape.dim + shape.mlp
    }

    fn of(shape: Shape, sums: &'a mut [f32]) -> Self {
        let dim = shape.dim;
        let (norm1_gain, sums) = sums.split_at_mut(dim);
        let (norm1_offset, sums) = sums.split_at_mut(dim);
        let (qkv, sums) = sums.split_at_mut(3 * dim);
        let (proj, sums) = sums.split_at_mut(dim);
        let (norm2_gain, sums) = sums.split_at_mut(dim);
        let (norm2_offset, sums) = sums.split_at_mut(dim);
        let (fc1, fc2) = sums.split_at_mut(shape.mlp);
        Self {
            norm1: (norm1_gain, norm1_offset),
            qkv,
            proj,
            norm2: (norm2_gain, norm2_offset),
            fc1,
            fc2,
        }
    }
}

/// One group's rows of everything.
struct Task<'a> {
    x: &'a [f32],
    qkv: &'a [f32],
    middle: &'a [f32],
    hidden: &'a [f32],
    output: &'a [f32],
    input: &'a mut [f32],
    activated: &'a mut [f32],
    hidden_gradient: &'a mut [f32],
    normed1: &'a mut [f32],
    normed2: &'a mut [f32],
    middle_gradient: &'a mut [f32],
    qkv_gradient: &'a mut [f32],
}

/// Cuts everything into groups.
fn split<'a>(
    shape: Shape,
    saved: &'a Saved,
    x: &'a [f32],
    output: &'a [f32],
    input: &'a mut [f32],
    operands: &'a mut Operands,
) -> Vec<Task<'a>> {
    let group = shape.group();
    let (narrow, wide) = (group * shape.dim, group * shape.mlp);
    let kept = x
        .chunks(narrow)
        .zip(saved.qkv.chunks(3 * narrow))
        .zip(saved.middle.chunks(narrow))
        .zip(saved.hidden.chunks(wide))
        .zip(output.chunks(narrow));
    let made = input
        .chunks_mut(narrow)
        .zip(operands.activated.chunks_mut(wide))
        .zip(operands.hidden.chunks_mut(wide))
        .zip(operands.normed1.chunks_mut(narrow))
        .zip(operands.normed2.chunks_mut(narrow))
        .zip(operands.middle.chunks_mut(narrow))
        .zip(operands.qkv.chunks_mut(3 * narrow));
    let task = |(kept, made)| {
        let ((((x, qkv), middle), hidden), output) = kept;
        let (
            (((((input, activated), hidden_gradient), normed1), normed2), middle_gradient),
            qkv_gradient,
        ) = made;
        Task {
            x,
            qkv,
            middle,
            hidden,
            output,
            input,
            activated,
            hidden_gradient,
            normed1,
            normed2,
            middle_gradient,
            qkv_gradient,
        }
    };
    kept.zip(made).map(task).collect()
}

/// One thread's working memory.
struct Scratch {
    attention: attention::Scratch,
    narrow: Buffer,
}

impl Scratch {
    fn new(shape: Shape) -> Self {
        Self {
            attention: attention::Scratch::new(),
            narrow: Buffer::new(ROWS.max(shape.group()) * shape.dim),
        }
    }
}

impl Task<'_> {
    /// From the output to the residual stream between the halves.
    fn mlp(
        &mut self,
        shape: Shape,
        parameters: &Parts<&[f32]>,
        packed: &Packed,
        sums: &mut Sums<'_>,
        scratch: &mut Scratch,
    ) {
        let Shape { dim, mlp, .. } = shape;
        self.middle_gradient.copy_from_slice(self.output);
        add_rows(self.output, sums.fc2);
        for first in (0..self.x.len() / dim).step_by(ROWS) {
            let last = (first + ROWS).min(self.x.len() / dim);
            let (narrow, wide) = (first * dim..last * dim, first * mlp..last * mlp);
            let hidden = &mut self.hidden_gradient[wide.clone()];
            hidden.fill(0.0);
            apply(&self.output[narrow.clone()], dim, &packed.fc2, hidden, mlp);
            let activated = &mut self.activated[wide.clone()];
            activate_backward(&self.hidden[wide], activated, hidden);
            add_rows(hidden, sums.fc1);
            let normed_gradient = &mut scratch.narrow[..narrow.len()];
            normed_gradient.fill(0.0);
            apply(hidden, mlp, &packed.fc1, normed_gradient, dim);
            norm::gradient(norm::Gradient {
                x: &self.middle[narrow.clone()],
                output: normed_gradient,
                affine: Affine {
                    gain: parameters.norm2_gain,
                    offset: parameters.norm2_offset,
                },
                input: &mut self.middle_gradient[narrow.clone()],
                gain: sums.norm2.0,
                offset: sums.norm2.1,
                normed: Some(&mut self.normed2[narrow]),
            });
        }
    }

    /// From there to the input.
    fn attention(
        &mut self,
        shape: Shape,
        parameters: &Parts<&[f32]>,
        packed: &Packed,
        sums: &mut Sums<'_>,
        scratch: &mut Scratch,
    ) {
        let dim = shape.dim;
        add_rows(self.middle_gradient, sums.proj);
        let mixed = &mut scratch.narrow[..self.x.len()];
        mixed.fill(0.0);
        apply(self.middle_gradient, dim, &packed.proj, mixed, dim);
        let image = shape.tokens * dim;
        let images = self
            .qkv
            .chunks_exact(3 * image)
            .zip(mixed.chunks_exact(image));
        for ((qkv, mixed), out) in images.zip(self.qkv_gradient.chunks_exact_mut(3 * image)) {
            let heads = shape.attention();
            heads.backward(qkv, mixed, out, &mut scratch.attention);
        }
        add_rows(self.qkv_gradient, sums.qkv);
        self.input.copy_from_slice(self.middle_gradient);
        let normed_gradient = &mut scratch.narrow[..self.x.len()];
        normed_gradient.fill(0.0);
        apply(
            self.qkv_gradient,
            3 * dim,
            &packed.qkv,
            normed_gradient,
            dim,
        );
        norm::gradient(norm::Gradient {
            x: self.x,
            output: normed_gradient,
            affine: Affine {
                gain: parameters.norm1_gain,
                offset: parameters.norm1_offset,
            },
            input: self.input,
            gain: sums.norm1.0,
            offset: sums.norm1.1,
            normed: Some(self.normed1),
        });
    }
}

/// Adds the groups' sums, in their order; weights' gradients are left zero.
fn gradients_of_vectors(shape: Shape, sums: &Buffer) -> Parts<Vec<f32>> {
    let mut total = vec![0.0; Sums::len(shape)];
    add_rows(sums, &mut total);
    let Sums {
        norm1,
        qkv,
        proj,
        norm2,
        fc1,
        fc2,
    } = Sums::of(shape, &mut total);
    let (dim, mlp) = (shape.dim, shape.mlp);
    Parts {
        norm1_gain: norm1.0.to_vec(),
        norm1_offset: norm1.1.to_vec(),
        qkv_weight: vec![0.0; 3 * dim * dim],
        qkv_bias: qkv.to_vec(),
        proj_weight: vec![0.0; dim * dim],
        proj_bias: proj.to_vec(),
        norm2_gain: norm2.0.to_vec(),
        norm2_offset: norm2.1.to_vec(),
        fc1_weight: vec![0.0; mlp * dim],
        fc1_bias: fc1.to_vec(),
        fc2_weight: vec![0.0; dim * mlp],
        fc2_bias: fc2.to_vec(),
    }
}

fn gradients_of_weights(
    shape: Shape,
    saved: &Saved,
    output: &[f32],
    operands: &Operands,
    gradients: &mut Parts<Vec<f32>>,
) {
    let rows = shape.rows();
    let gradient = |output, input, weight| WeightGradient {
        output,
        input,
        rows,
        weight,
    };
    weights::compute(vec![
        gradient(
            &operands.hidden,
            &operands.normed2,
            &mut gradients.fc1_weight,
        ),
        gradient(output, &operands.activated, &mut gradients.fc2_weight),
        gradient(&operands.qkv, &operands.normed1, &mut gradients.qkv_weight),
        gradient(&operands.middle, &saved.mixed, &mut gradients.proj_weight),
    ]);
}
