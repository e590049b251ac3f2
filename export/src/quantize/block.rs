//! A block's tensors, stored by scheme, each linear layer measured against its float original.

use super::fold::{Affine, FloatBlock, LinearTensor, NormTensor};
use super::int4::{self, Int4Matrix};
use super::int8::{self, Int8Matrix};
use super::measure::{Fidelity, fidelity};
use crate::ExportError;
use crate::float_run::{Taps, panels};
use crate::model::FloatModel;
use crate::report::LayerReport;
use crate::tensors::{self, Stored, Tensors};
use mimlet_format::{BlockTensor, DType, LinearPart, NormPart, Scheme, TensorRole};
use mimlet_kernels::panel::Panels;
use mimlet_kernels::{Level, linear, linear_q4, linear_q8, quantize_rows};

/// Rows of inputs that a stored layer is run on to be measured.
const MEASURED_ROWS: usize = 256;

/// Some of a file's tensors, and how well they stand for the float model's.
#[derive(Debug, Default)]
pub(crate) struct Layers<'m> {
    pub(crate) tensors: Tensors<'m>,
    pub(crate) reports: Vec<LayerReport>,
}

/// Stores the patch embedding: in f32, or in f16 by every narrower scheme, because the first layer
/// sees raw pixels and has no scale in the format.
pub(crate) fn patch_embedding<'m>(
    model: &FloatModel,
    scheme: Scheme,
) -> Result<Stored<'m>, ExportError> {
    let role = TensorRole::PatchEmbedWeight;
    let shape = [model.encoder.embed_dim, model.encoder.patch_dim()];
    let weight = model.weights.get(role);
    match scheme {
        Scheme::F32 => Ok(tensors::matrix_f32(weight, shape)),
        _ => tensors::matrix_f16(role, weight, shape),
    }
}

/// Stores block `layer` by a scheme; `taps` are what the float model puts into its linear layers.
///
/// # Errors
/// [`ExportError::Overflow`] when a weight is beyond f16.
pub(crate) fn quantize_block<'m>(
    model: &'m FloatModel,
    scheme: Scheme,
    layer: u32,
    taps: Taps,
) -> Result<Layers<'m>, ExportError> {
    let mut layers = Layers::default();
    let block = FloatBlock::of(model, layer);
    let (block, taps, alphas) = match scheme {
        Scheme::F32 | Scheme::F16 => (block, taps, [None; 3]),
        Scheme::Int8 | Scheme::Int4 | Scheme::Mixed => block.migrated(taps),
    };
    let role = |tensor| TensorRole::Block { layer, tensor };
    let norms: [(NormTensor, Affine); 2] = [
        (BlockTensor::Norm1, block.norm1),
        (BlockTensor::Norm2, block.norm2),
    ];
    for (tensor, norm) in norms {
        layers.put_vector(role(tensor(NormPart::Weight)), &norm.weight);
        layers.put_vector(role(tensor(NormPart::Bias)), &norm.bias);
    }
    let mut put = |tensor: LinearTensor, affine, rows: Vec<f32>, migration| {
        let part = |part| role(tensor(part));
        layers.put_linear(part, scheme, affine, &rows, migration)
    };
    put(BlockTensor::Qkv, block.qkv, taps.qkv, alphas[0])?;
    put(BlockTensor::Proj, block.proj, taps.proj, alphas[1])?;
    put(BlockTensor::Fc1, block.fc1, taps.fc1, alphas[2])?;
    put(BlockTensor::Fc2, block.fc2, taps.fc2, None)?;
    Ok(layers)
}

impl Layers<'_> {
    fn put(&mut self, role: TensorRole, stored: Stored<'static>) {
        self.tensors.insert(role, stored);
    }

    fn put_vector(&mut self, role: TensorRole, values: &[f32]) {
        let bytes = tensors::bytes_of(values);
        let shape = [values.len() as u32]; // At most the format's widest dimension.
        self.put(role, tensors::array(DType::F32, bytes, &shape));
    }

    fn put_linear(
        &mut self,
        role: impl Fn(LinearPart) -> TensorRole,
        scheme: Scheme,
        affine: Affine,
        rows: &[f32],
        migration: Option<f32>,
    ) -> Result<(), ExportError> {
        let weight = role(LinearPart::Weight);
        let layer = Layer::new(&affine, rows);
        let shape = [layer.params.outputs as u32, layer.params.inputs as u32];
        let (stored, bias, stands_for) = match scheme {
            Scheme::F32 => {
                let stored = tensors::matrix_f32(&affine.weight, shape);
                (stored, affine.bias.clone(), StandIn::EXACT)
            }
            Scheme::F16 => {
                let stored = tensors::matrix_f16(weight, &affine.weight, shape)?;
                let halves = tensors::to_halves(weight, &affine.weight)?;
                (stored, affine.bias.clone(), layer.stand_in_f16(&halves))
            }
            Scheme::Int4 => {
                let matrix = int4::quantize(&affine.weight, layer.params.inputs);
                let [weight, scales] = tensors::matrix_i4(&matrix.values, &matrix.scales, shape);
                let bias = layer.corrected_bias(&matrix.dequantized());
                let stands_for = layer.stand_in_i4(&matrix, [&weight, &scales], &bias);
                self.put(role(LinearPart::Scale), scales);
                (weight, bias, stands_for)
            }
            Scheme::Int8 | Scheme::Mixed => {
                let (matrix, bias) = layer.quantized();
                let stored = tensors::matrix_i8(&matrix.values, shape);
                self.put_vector(role(LinearPart::Scale), &matrix.scales);
                let stands_for = layer.stand_in_i8(&matrix, &stored, &bias);
                (stored, bias, stands_for)
            }
        };
        self.reports.push(LayerReport {
            tensor: weight.to_string(),
            dtype: stored.dtype.to_string(),
            bytes: stored.bytes.len() as u64,
            weight_snr_db: stands_for.weight.snr_db,
            output_snr_db: stands_for.outputs.snr_db,
            output_cosine: stands_for.outputs.cosine,
            migration,
        });
        self.put_vector(role(LinearPart::Bias), &bias);
        self.put(weight, stored);
        Ok(())
    }
}

/// How well a stored layer stands for its float original.
struct StandIn {
    weight: Fidelity,
    outputs: Fidelity,
}

impl StandIn {
    const EXACT: Self = Self {
        weight: Fidelity::EXACT,
        outputs: Fidelity::EXACT,
    };
}

/// A float linear layer with inputs to try it on.
struct Layer<'a> {
    level: Level,
    params: linear::Params,
    affine: &'a Affine,
    /// All calibration inputs, `[rows, inputs]`.
    rows: &'a [f32],
    /// Those that it is measured on.
    measured: Vec<f32>,
}

impl<'a> Layer<'a> {
    fn new(affine: &'a Affine, rows: &'a [f32]) -> Self {
        let outputs = affine.bias.len();
        let inputs = affine.weight.len() / outputs;
        let step = (rows.len() / inputs).div_ceil(MEASURED_ROWS).max(1);
        let measured = rows.chunks_exact(inputs).step_by(step).flatten();
        Self {
            level: Level::detect(),
            params: linear::Params {
                inputs,
                outputs,
                half: false,
            },
            affine,
            measured: measured.copied().collect(),
            rows,
        }
    }

    /// The layer in bytes, and its bias raised by what rounding the weights takes from the mean
    /// output (bias correction: Nagel et al. 2019, arXiv 1906.04721).
    fn quantized(&self) -> (Int8Matrix, Vec<f32>) {
        let power = self.mean_of(|x| x * x);
        let importance: Vec<f32> = power.iter().map(|&power| power as f32).collect();
        let matrix = int8::quantize(&self.affine.weight, &importance);
        let bias = self.corrected_bias(&matrix.dequantized());
        (matrix, bias)
    }

    /// The mean over the calibration inputs, by column, of a function of a value.
    fn mean_of(&self, f: impl Fn(f64) -> f64) -> Vec<f64> {
        let inputs = self.params.inputs;
        let count = (self.rows.len() / inputs).max(1) as f64;
        let mut mean = vec![0.0; inputs];
        for row in self.rows.chunks_exact(inputs) {
            for (mean, &x) in mean.iter_mut().zip(row) {
                *mean += f(f64::from(x)) / count;
            }
        }
        mean
    }

    /// The bias raised by what rounding the weights to `back` takes from the mean output.
    fn corrected_bias(&self, back: &[f32]) -> Vec<f32> {
        let inputs = self.params.inputs;
        let mean = self.mean_of(|x| x);
        let rows = self.affine.weight.chunks_exact(inputs);
        let bias = rows
            .zip(back.chunks_exact(inputs))
            .zip(&self.affine.bias)
            .map(|((weight, back), &bias)| {
                let lost = weight.iter().zip(back).zip(&mean);
                let lost: f64 = lost.map(|((w, b), mean)| f64::from(w - b) * mean).sum();
                (f64::from(bias) + lost) as f32
            });
        bias.collect()
    }

    fn float_outputs(&self) -> Vec<f32> {
        let weight = panels(self.params.outputs, self.params.inputs, &self.affine.weight);
        self.outputs(&self.params, Panels::F32(&weight))
    }

    fn outputs(&self, params: &linear::Params, weight: Panels<'_>) -> Vec<f32> {
        let mut y = self.room();
        linear::cpu(
            self.level,
            params,
            &self.measured,
            weight,
            &self.affine.bias,
            &mut y,
        );
        y
    }

    fn room(&self) -> Vec<f32> {
        vec![0.0; self.measured.len() / self.params.inputs * self.params.outputs]
    }

    fn stand_in_f16(&self, halves: &[u16]) -> StandIn {
        let widened: Vec<f32> = halves
            .iter()
            .map(|&bits| mimlet_kernels::f16_to_f32(bits))
            .collect();
        // Kernels widen each weight before they multiply: the same product as with these.
        let weight = panels(self.params.outputs, self.params.inputs, &widened);
        StandIn {
            weight: fidelity(&self.affine.weight, &widened),
            outputs: fidelity(
                &self.float_outputs(),
                &self.outputs(&self.params, Panels::F32(&weight)),
            ),
        }
    }

    fn stand_in_i8(&self, matrix: &Int8Matrix, stored: &Stored<'_>, bias: &[f32]) -> StandIn {
        let params = linear_q8::Params {
            inputs: self.params.inputs,
            outputs: self.params.outputs,
        };
        let quantized = self.quantized_inputs();
        let mut y = self.room();
        linear_q8::cpu(
            self.level,
            &params,
            &quantized,
            bytemuck::cast_slice(&stored.bytes),
            [&matrix.scales, bias],
            &mut y,
        );
        StandIn {
            weight: fidelity(&self.affine.weight, &matrix.dequantized()),
            outputs: fidelity(&self.float_outputs(), &y),
        }
    }

    fn stand_in_i4(
        &self,
        matrix: &Int4Matrix,
        [weight, scales]: [&Stored<'_>; 2],
        bias: &[f32],
    ) -> StandIn {
        let params = linear_q4::Params {
            inputs: self.params.inputs,
            outputs: self.params.outputs,
            group_size: int4::GROUP,
        };
        let quantized = self.quantized_inputs();
        // Alignment of a byte vector is not promised; a copy's is.
        let scales: Vec<u16> = bytemuck::pod_collect_to_vec(&scales.bytes);
        let mut y = self.room();
        linear_q4::cpu(
            self.level,
            &params,
            &quantized,
            &weight.bytes,
            &scales,
            bias,
            &mut y,
        );
        StandIn {
            weight: fidelity(&self.affine.weight, &matrix.dequantized()),
            outputs: fidelity(&self.float_outputs(), &y),
        }
    }

    /// The inputs it is measured on, quantised by row.
    fn quantized_inputs(&self) -> Vec<u32> {
        let dim = self.params.inputs;
        let rows = self.measured.len() / dim;
        let mut quantized = vec![0; rows * quantize_rows::row_words(dim)];
        let shape = quantize_rows::Params { dim };
        quantize_rows::cpu(self.level, &shape, &self.measured, &mut quantized);
        quantized
    }
}
