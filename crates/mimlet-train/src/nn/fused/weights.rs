//! Gradients of weights, `dW = dY^T X`, cut into tasks by rows of `dW`.

use rayon::prelude::*;

use super::gemm::{Panels, multiply_transposed};

/// Rows of a weight's gradient that one task computes: a multiple of every tile's rows.
const ROWS: usize = 96;

/// One weight's gradient, `[outputs, inputs]`, from `rows` rows.
pub(super) struct WeightGradient<'a> {
    /// Gradient of the layer's output, `[rows, outputs]`.
    pub(super) output: &'a [f32],
    /// The layer's input, `[rows, inputs]`.
    pub(super) input: &'a [f32],
    pub(super) rows: usize,
    /// Zeros, to which the gradient is added.
    pub(super) weight: &'a mut [f32],
}

/// Computes all of `gradients` together, so that small ones keep no thread waiting.
pub(super) fn compute(gradients: Vec<WeightGradient<'_>>) {
    let tasks: Vec<Task<'_>> = gradients.into_iter().flat_map(tasks).collect();
    tasks
        .into_par_iter()
        .with_max_len(1)
        .for_each_init(Panels::empty, |panels, task| {
            multiply_transposed(task.output, task.input, task.shape, task.weight, panels);
        });
}

/// Some rows of a gradient; operands with their strides.
struct Task<'a> {
    output: (&'a [f32], usize),
    input: (&'a [f32], usize),
    shape: [usize; 3],
    weight: &'a mut [f32],
}

fn tasks(gradient: WeightGradient<'_>) -> Vec<Task<'_>> {
    let WeightGradient {
        output,
        input,
        rows,
        weight,
    } = gradient;
    if rows == 0 {
        return Vec::new();
    }
    let (outputs, inputs) = (output.len() / rows, input.len() / rows);
    let parts = weight.chunks_mut(ROWS * inputs).enumerate();
    let task = |(part, weight): (usize, _)| {
        let weight: &mut [f32] = weight;
        Task {
            output: (&output[part * ROWS..], outputs),
            input: (input, inputs),
            shape: [rows, weight.len() / inputs, inputs],
            weight,
        }
    };
    parts.map(task).collect()
}
