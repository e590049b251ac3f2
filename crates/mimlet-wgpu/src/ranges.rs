//! How large the inputs of layers of 16-bit weights can get, proved from a file's own weights. A variant
//! that rounds its rows to 16-bit floats is offered where none can be too large for one, whatever the
//! image.
//!
//! - A row behind a layer norm is `gain * n + offset` with `|n|_2 <= sqrt(dim)`, as the squares of `n` are
//!   divided by their own mean: a value is at most `sqrt(dim) |gain_j| + |offset_j|`.
//! - An output of a linear layer behind it is `(w_j gain) . n + w_j . offset + b_j`: by Cauchy and Schwarz
//!   at most `sqrt(dim) |w_j gain|_2 + |w_j . offset + b_j|`.
//! - GELU makes no value larger.
//! - Attention gives a mean of values, with weights of its own: no value is larger than the largest.
//!
//! Nothing is known of images, so nothing of the residual stream either.

use crate::error::WgpuError;
use crate::units::Unit;
use mimlet_format::{Model, TensorRole};
use mimlet_kernels::panel::{Panels, WIDTH};
use mimlet_kernels::{Epilogue, Level, halves, linear};
use mimlet_runtime::{BufferId, PlanError, Step};
use std::collections::HashMap;

/// The largest bound with which a row may be rounded to 16-bit floats, of which the largest is 65,504.
/// The rest is for what rounding adds to the bounds: an f32 sum of `n` squares is off by a share of
/// `n 2^-24`, so that a norm of 65,536 values lets through no more than 1.01 times `sqrt(dim)`.
pub(crate) const HALF_ROWS: f64 = 65_504.0 / 4.0;

/// What is known of a buffer's rows.
#[derive(Debug)]
enum Known<'m> {
    /// They come from a norm with this gain and offset.
    Normed(&'m [f32], &'m [f32]),
    /// No row's value in a channel is larger than this.
    Channels(Vec<f64>),
}

/// Of each unit of a plan, in order, a bound of the magnitudes that a linear layer of float weights reads;
/// infinity where nothing is known.
///
/// # Errors
/// When the plan is another model's.
pub(crate) fn input_bounds(model: &Model<'_>, units: &[Unit]) -> Result<Vec<f64>, WgpuError> {
    let mut known = HashMap::new();
    let bound = |unit| step(model, unit, &mut known);
    units.iter().map(bound).collect()
}

/// The bound of a unit's input; then what its output is goes to `known`.
fn step<'m>(
    model: &Model<'m>,
    unit: &Unit,
    known: &mut HashMap<BufferId, Known<'m>>,
) -> Result<f64, WgpuError> {
    let floats = |role| {
        let otherwise = PlanError::UnsupportedStorage(role, "something else than f32");
        let floats = tensor(model, role)?.f32();
        floats.ok_or(WgpuError::ForeignPlan(otherwise))
    };
    match unit.folded.step {
        Step::LayerNorm {
            weight, bias, y, ..
        } => {
            known.insert(y, Known::Normed(floats(weight)?, floats(bias)?));
            Ok(f64::INFINITY)
        }
        Step::Linear {
            ref params,
            x,
            weight,
            bias,
            y,
            ..
        } => {
            let input = known.get(&x).map_or(f64::INFINITY, Known::largest);
            let outputs = match (known.get(&x), unit.folded.epilogue) {
                // What is added to is not known.
                (_, Epilogue::Add) | (None | Some(Known::Channels(_)), _) => None,
                (Some(Known::Normed(gain, offset)), _) => {
                    let weights = Weights::of(model, weight, params)?;
                    Some(behind_norm(&weights, floats(bias)?, gain, offset))
                }
            };
            let written = unit.folded.output.unwrap_or(y);
            match outputs {
                Some(outputs) => known.insert(written, Known::Channels(outputs)),
                None => known.remove(&written),
            };
            Ok(input)
        }
        Step::Attention { params, qkv, out } => {
            let values = match known.get(&qkv) {
                Some(Known::Channels(channels)) => channels[2 * params.dim()..].to_vec(),
                _ => vec![f64::INFINITY],
            };
            known.insert(out, Known::Channels(values));
            Ok(f64::INFINITY)
        }
        _ => {
            known.clear();
            Ok(f64::INFINITY)
        }
    }
}

fn tensor<'a, 'm>(
    model: &'a Model<'m>,
    role: TensorRole,
) -> Result<mimlet_format::TensorView<'a, 'm>, WgpuError> {
    let missing = WgpuError::ForeignPlan(PlanError::MissingTensor(role));
    model.tensor(role).ok_or(missing)
}

impl Known<'_> {
    /// The largest magnitude a value may have.
    fn largest(&self) -> f64 {
        match self {
            Self::Normed(gain, offset) => {
                let root = (gain.len() as f64).sqrt();
                let channels = gain.iter().zip(*offset);
                largest(channels.map(|(g, o)| root * f64::from(g.abs()) + f64::from(o.abs())))
            }
            Self::Channels(channels) => largest(channels.iter().copied()),
        }
    }
}

/// The largest, and NaN if one is: `max` forgets it.
fn largest(values: impl Iterator<Item = f64>) -> f64 {
    let larger = |most: f64, next: f64| match most.is_nan() || next <= most {
        true => most,
        false => next,
    };
    values.fold(0.0, larger)
}

/// Weights in `Panel16 [outputs, inputs]`, whichever float they are stored in.
struct Weights<'m> {
    outputs: usize,
    inputs: usize,
    panels: Panels<'m>,
}

impl<'m> Weights<'m> {
    fn of(model: &Model<'m>, role: TensorRole, params: &linear::Params) -> Result<Self, WgpuError> {
        let tensor = tensor(model, role)?;
        let halves = || tensor.f16_bits().map(Panels::F16);
        let panels = tensor.f32().map(Panels::F32).or_else(halves);
        let integers = PlanError::UnsupportedStorage(role, "integers");
        Ok(Self {
            outputs: params.outputs,
            inputs: params.inputs,
            panels: panels.ok_or(WgpuError::ForeignPlan(integers))?,
        })
    }

    /// A panel: `[inputs, 16]`.
    fn panel(&self, panel: usize, floats: &mut [f32]) {
        let of = panel * floats.len()..(panel + 1) * floats.len();
        match self.panels {
            Panels::F32(values) => floats.copy_from_slice(&values[of]),
            Panels::F16(bits) => halves::widen(Level::detect(), &bits[of], floats),
        }
    }
}

/// Bounds of the outputs of a linear layer behind a norm.
fn behind_norm(weights: &Weights<'_>, bias: &[f32], gain: &[f32], offset: &[f32]) -> Vec<f64> {
    let root = (gain.len() as f64).sqrt();
    let mut bounds = Vec::with_capacity(weights.outputs);
    let mut panel = vec![0.0; weights.inputs * WIDTH];
    for first in (0..weights.outputs).step_by(WIDTH) {
        weights.panel(first / WIDTH, &mut panel);
        let (mut squares, mut shifts) = ([0.0; WIDTH], [0.0; WIDTH]);
        for ((line, gain), offset) in panel.chunks_exact(WIDTH).zip(gain).zip(offset) {
            for (output, weight) in line.iter().map(|w| f64::from(*w)).enumerate() {
                let scaled = weight * f64::from(*gain);
                squares[output] += scaled * scaled;
                shifts[output] += weight * f64::from(*offset);
            }
        }
        let outputs = squares.into_iter().zip(shifts).zip(&bias[first..]);
        bounds
            .extend(outputs.map(|((s, shift), b)| root * s.sqrt() + (shift + f64::from(*b)).abs()));
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::{HALF_ROWS, input_bounds, largest};
    use crate::model::{FOURS, random, random_model};
    use crate::units::Unit;
    use mimlet_format::{
        AlignedBytes, BlockTensor, CodebookSpace, DType, LinearPart, Model, ModelWriter, NormPart,
        TensorRole,
    };
    use mimlet_kernels::case::Stream;
    use mimlet_runtime::{CpuStepper, Plan, Step};

    const SPACE: CodebookSpace = CodebookSpace::Features;

    /// A file with a tensor's values changed.
    fn with_tensor<T: bytemuck::Pod>(
        file: &AlignedBytes,
        role: TensorRole,
        change: impl FnOnce(&mut [T]),
    ) -> AlignedBytes {
        let model = Model::parse(file).unwrap();
        let manifest = model.manifest().clone();
        let mut writer = ModelWriter::new(
            manifest.encoder,
            manifest.preprocess,
            manifest.codebook,
            manifest.acceptance,
            manifest.provenance,
        );
        let mut values: Vec<T> = bytemuck::pod_collect_to_vec(model.tensor(role).unwrap().bytes);
        change(&mut values);
        for tensor in model.tensors() {
            let entry = tensor.entry;
            let bytes = match entry.role == role {
                true => bytemuck::cast_slice(&values).to_vec(),
                false => tensor.bytes.to_vec(),
            };
            writer.tensor(entry.role, entry.dtype, entry.layout, &entry.shape, bytes);
        }
        writer.finish().unwrap()
    }

    /// The bounds of the linear layers, in order.
    fn bounds(file: &AlignedBytes) -> Vec<f64> {
        let model = Model::parse(file).unwrap();
        let units = Unit::of(&Plan::new(model.manifest()).unwrap());
        let bounds = input_bounds(&model, &units)
            .unwrap()
            .into_iter()
            .zip(&units);
        let linear = |unit: &Unit| matches!(unit.folded.step, Step::Linear { .. });
        bounds
            .filter(|(_, unit)| linear(unit))
            .map(|(bound, _)| bound)
            .collect()
    }

    fn first(tensor: BlockTensor) -> TensorRole {
        TensorRole::Block { layer: 0, tensor }
    }

    #[test]
    fn no_input_is_larger_than_its_bound() {
        let mut stream = Stream::new(0x41);
        for file in [
            random(DType::F16, SPACE, FOURS),
            random_model(DType::F32, SPACE),
        ] {
            let model = Model::parse(&file).unwrap();
            let plan = Plan::new(model.manifest()).unwrap();
            let units = Unit::of(&plan);
            let bounds = input_bounds(&model, &units).unwrap();
            let words = plan.buffers()[plan.image().index()].words;
            // Large values and a flat image, too: no bound may depend on the image.
            for scale in [1e-3, 1.0, 1e4, 1e18, 0.0] {
                let image = stream.values(words, scale);
                let mut cpu = CpuStepper::new(&model, &plan, image).unwrap();
                for (unit, bound) in units.iter().zip(&bounds) {
                    if let Step::Linear {
                        x, params, rows, ..
                    } = unit.folded.step
                    {
                        let values = cpu.words(x)[..params.inputs * rows as usize].iter();
                        let largest = largest(values.map(|w| f32::from_bits(*w).abs().into()));
                        assert!(largest <= *bound, "{largest} beyond {bound}, {scale}");
                        assert!(*bound < f64::INFINITY);
                    }
                    (0..unit.steps).for_each(|_| cpu.step());
                }
            }
        }
    }

    #[test]
    fn nan_is_larger_than_any() {
        assert!(largest([1.0, f64::NAN, 2.0].into_iter()).is_nan());
        assert_eq!(largest([1.0, 2.0, 0.5].into_iter()), 2.0);
    }

    /// What is read there can be found by hand: one channel of the first norm, and one output.
    #[test]
    fn bounds_are_those_of_the_formulas() {
        let file = random(DType::F16, SPACE, FOURS);
        let one = |values: &mut [f32]| {
            values.fill(0.0);
            values[3] = -2.0;
        };
        let file = with_tensor(&file, first(BlockTensor::Norm1(NormPart::Weight)), one);
        let file = with_tensor(&file, first(BlockTensor::Norm1(NormPart::Bias)), one);
        // sqrt(36) * 2 + 2.
        assert_eq!(bounds(&file)[0], 14.0);
    }

    #[test]
    fn large_weights_break_the_bounds_of_what_they_reach() {
        let sound = random(DType::F16, SPACE, FOURS);
        let within = |file: &AlignedBytes| -> Vec<bool> {
            bounds(file).into_iter().map(|b| b <= HALF_ROWS).collect()
        };
        assert_eq!(within(&sound), [true; 8]);
        let spoilt = |tensor, value: f32| {
            within(&with_tensor(
                &sound,
                first(tensor),
                |values: &mut [f32]| values[5] = value,
            ))
        };
        let expected = |broken: &[usize]| -> Vec<bool> {
            (0..8).map(|layer| !broken.contains(&layer)).collect()
        };
        // Of a block the queries with keys and values, the projection, and both layers of the MLP.
        let gain = spoilt(BlockTensor::Norm1(NormPart::Weight), 1e6);
        assert_eq!(gain, expected(&[0, 1]));
        let offset = spoilt(BlockTensor::Norm2(NormPart::Bias), -1e6);
        assert_eq!(offset, expected(&[2, 3]));
        let bias = spoilt(BlockTensor::Fc1(LinearPart::Bias), 1e6);
        assert_eq!(bias, expected(&[3]));
        let half = first(BlockTensor::Fc1(LinearPart::Weight));
        let weight = with_tensor(&sound, half, |bits: &mut [u16]| bits[7] = 0x7bff);
        assert_eq!(within(&weight), expected(&[3]));
    }
}
