//! A linear layer stored in one precision, and measured against its float original.

use super::Precision;
use super::fold::Affine;
use super::inputs::Inputs;
use super::int4::{self, Int4Matrix};
use super::int8::{self, Int8Matrix};
use super::measure::{Fidelity, fidelity};
use super::rows::rounded_rows;
use crate::ExportError;
use crate::float_run::panels;
use crate::tensors::{self, Stored};
use mimlet_format::{DType, TensorRole};
use mimlet_kernels::panel::Panels;
use mimlet_kernels::{Epilogue, Level, linear};

/// Rows of inputs that a stored layer is run on to be measured.
const MEASURED_ROWS: usize = 256;

/// A layer as a file stores it.
#[derive(Debug)]
pub(super) struct StoredLayer {
    pub(super) weight: Stored<'static>,
    pub(super) scale: Option<Stored<'static>>,
    pub(super) bias: Vec<f32>,
    /// What the stored weight stands for, `[outputs, inputs]`.
    pub(super) back: Vec<f32>,
    /// Share of the weights that lie beyond the range of their scale, 0..1.
    pub(super) clipped: f64,
    pub(super) of_weight: Fidelity,
    pub(super) of_outputs: Fidelity,
}

/// A float linear layer with inputs to try it on.
pub(super) struct Layer<'a> {
    affine: &'a Affine,
    /// All calibration inputs, `[rows, inputs]`.
    rows: &'a [f32],
    inputs: usize,
    /// Of the rows, when an integer precision has asked for them.
    known: Option<Inputs>,
}

impl<'a> Layer<'a> {
    pub(super) fn new(affine: &'a Affine, rows: &'a [f32]) -> Self {
        Self {
            affine,
            rows,
            inputs: affine.weight.len() / affine.bias.len(),
            known: None,
        }
    }

    /// Stores the layer; `role` is its weight's.
    ///
    /// # Errors
    /// [`ExportError::Overflow`] when a weight is beyond f16.
    pub(super) fn store(
        &mut self,
        precision: Precision,
        role: TensorRole,
    ) -> Result<StoredLayer, ExportError> {
        let outputs = self.affine.bias.len();
        let shape = [outputs as u32, self.inputs as u32]; // Within the format's widest dimension.
        match precision {
            Precision::F32 => {
                let weight = tensors::matrix_f32(&self.affine.weight, shape);
                let back = self.affine.weight.clone();
                Ok(self.measured((weight, None, back), 0, false))
            }
            Precision::F16 => {
                let weight = tensors::matrix_f16(role, &self.affine.weight, shape)?;
                let halves = tensors::to_halves(role, &self.affine.weight)?;
                let back = halves.iter().map(|&h| mimlet_kernels::f16_to_f32(h));
                let back = back.collect();
                Ok(self.measured((weight, None, back), 0, false))
            }
            Precision::Int8 => {
                let feedback = self.inputs <= int8::MOST_FEEDBACK_INPUTS;
                let weight = &self.affine.weight;
                let matrix = int8::quantize(weight, self.known(feedback));
                let Int8Matrix { values, scales } = &matrix;
                let stored = tensors::matrix_i8(values, shape);
                let bytes = tensors::bytes_of(scales);
                let scale = tensors::array(DType::F32, bytes, &shape[..1]);
                let clipped = count_clipped(weight, values, &matrix.dequantized(), 127);
                Ok(self.measured((stored, Some(scale), matrix.dequantized()), clipped, true))
            }
            Precision::Int4(group) => {
                let weight = &self.affine.weight;
                let matrix = int4::quantize(weight, self.known(true), group as usize);
                let back = matrix.dequantized(self.inputs);
                let Int4Matrix { values, scales, .. } = &matrix;
                let stored = tensors::matrix_i4(values, shape);
                let groups = shape[1].div_ceil(group);
                let scale = tensors::panels_f16(scales, [shape[0], groups]);
                let clipped = count_clipped(weight, values, &back, 7);
                Ok(self.measured((stored, Some(scale), back), clipped, true))
            }
        }
    }

    /// Mean and variance of the inputs, and their covariance where asked for.
    fn known(&mut self, covariance: bool) -> &Inputs {
        let known = self.known.take();
        let known = known.filter(|known| known.covariance.is_some() >= covariance);
        let of_rows = || Inputs::of(self.rows, self.inputs, covariance);
        self.known.insert(known.unwrap_or_else(of_rows))
    }

    fn measured(
        &self,
        (weight, scale, back): (Stored<'static>, Option<Stored<'static>>, Vec<f32>),
        clipped: usize,
        byte_inputs: bool,
    ) -> StoredLayer {
        let bias = match &self.known {
            Some(known) if byte_inputs => self.corrected_bias(&back, &known.mean),
            _ => self.affine.bias.clone(),
        };
        let step = (self.rows.len() / self.inputs)
            .div_ceil(MEASURED_ROWS)
            .max(1);
        let measured = self.rows.chunks_exact(self.inputs).step_by(step).flatten();
        let measured: Vec<f32> = measured.copied().collect();
        let exact = back == self.affine.weight && !byte_inputs;
        let of_outputs = if exact {
            Fidelity::EXACT
        } else {
            let float = self.outputs(&measured, &self.affine.weight, &self.affine.bias);
            let rounded = match byte_inputs {
                true => rounded_rows(Level::detect(), &measured, self.inputs),
                false => measured,
            };
            fidelity(&float, &self.outputs(&rounded, &back, &bias))
        };
        StoredLayer {
            weight,
            scale,
            bias,
            of_weight: fidelity(&self.affine.weight, &back),
            back,
            clipped: clipped as f64 / self.affine.weight.len() as f64,
            of_outputs,
        }
    }

    /// The bias raised by what rounding the weights takes from the mean output (bias correction:
    /// Nagel et al. 2019, arXiv 1906.04721).
    fn corrected_bias(&self, back: &[f32], mean: &[f64]) -> Vec<f32> {
        let rows = self.affine.weight.chunks_exact(self.inputs);
        rows.zip(back.chunks_exact(self.inputs))
            .zip(&self.affine.bias)
            .map(|((weight, back), &bias)| {
                let lost = weight.iter().zip(back).zip(mean);
                let lost: f64 = lost.map(|((w, b), mean)| f64::from(w - b) * mean).sum();
                (f64::from(bias) + lost) as f32
            })
            .collect()
    }

    fn outputs(&self, rows: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
        let params = linear::Params {
            inputs: self.inputs,
            outputs: bias.len(),
            half: false,
        };
        let weight = panels(params.outputs, params.inputs, weight);
        let mut y = vec![0.0; rows.len() / self.inputs * params.outputs];
        let weight = Panels::F32(&weight);
        linear::cpu(
            Level::detect(),
            &params,
            rows,
            weight,
            bias,
            Epilogue::Store,
            &mut [],
            &mut y,
        );
        y
    }
}

/// Weights beyond what the largest integer stands for, by more than half its step.
fn count_clipped(weight: &[f32], values: &[i8], back: &[f32], largest: i8) -> usize {
    let all = weight.iter().zip(values).zip(back);
    all.filter(|((weight, value), back)| {
        let step = back.abs() / f32::from(value.unsigned_abs().max(1));
        value.abs() >= largest && weight.abs() > back.abs() + step / 2.0
    })
    .count()
}
