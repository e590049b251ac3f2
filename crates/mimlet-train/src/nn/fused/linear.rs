//! `y = x W^T + b` over many rows, and its gradients.

use rayon::prelude::*;

use super::buffer::Buffer;
use super::gemm::{Left, Panels, multiply};
use super::rows::{add_rows, repeat};
use super::weights::{self, WeightGradient};

/// Rows of one task.
const ROWS: usize = 96;

/// A linear layer's parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layer<'a> {
    /// `[outputs, inputs]`.
    pub(super) weight: &'a [f32],
    /// `[outputs]`.
    pub(super) bias: &'a [f32],
}

impl Layer<'_> {
    fn inputs(self) -> usize {
        self.weight.len() / self.bias.len()
    }
}

/// `out`, `[rows, outputs]`, from `x`, `[rows, inputs]`.
pub(super) fn forward(layer: Layer<'_>, x: &[f32], out: &mut [f32]) {
    let (inputs, outputs) = (layer.inputs(), layer.bias.len());
    let weight = Panels::from_columns(layer.weight, inputs, inputs, outputs);
    x.par_chunks(ROWS * inputs)
        .zip(out.par_chunks_mut(ROWS * outputs))
        .with_max_len(1)
        .for_each(|(x, out)| {
            repeat(layer.bias, out);
            let left = Left::ByRow {
                data: x,
                stride: inputs,
            };
            multiply(left, &weight, x.len() / inputs, out, outputs);
        });
}

/// The gradient of `x`, `[rows, inputs]`, from that of the output.
pub(super) fn input_gradient(layer: Layer<'_>, output: &[f32], input: &mut [f32]) {
    let (inputs, outputs) = (layer.inputs(), layer.bias.len());
    let weight = Panels::from_rows(layer.weight, inputs, outputs, inputs);
    output
        .par_chunks(ROWS * outputs)
        .zip(input.par_chunks_mut(ROWS * inputs))
        .with_max_len(1)
        .for_each(|(output, input)| {
            input.fill(0.0);
            let left = Left::ByRow {
                data: output,
                stride: outputs,
            };
            multiply(left, &weight, output.len() / outputs, input, inputs);
        });
}

/// The gradients of weight and bias.
pub(super) fn parameter_gradients(
    layer: Layer<'_>,
    x: &[f32],
    output: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let (inputs, outputs) = (layer.inputs(), layer.bias.len());
    let mut weight = vec![0.0; outputs * inputs];
    weights::compute(vec![WeightGradient {
        output,
        input: x,
        rows: x.len() / inputs,
        weight: &mut weight,
    }]);
    (weight, column_sums(output, outputs))
}

/// Sums of the columns of `x`, `[rows, width]`, by groups of rows and then over the groups.
fn column_sums(x: &[f32], width: usize) -> Vec<f32> {
    let groups = x.chunks(ROWS * width).len();
    let mut sums = Buffer::zeros(groups * width);
    x.par_chunks(ROWS * width)
        .zip(sums.par_chunks_mut(width))
        .for_each(|(x, sums)| add_rows(x, sums));
    let mut total = vec![0.0; width];
    add_rows(&sums, &mut total);
    total
}
