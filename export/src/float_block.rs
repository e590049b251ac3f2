//! One block of the float model on the CPU backend's kernels, tapped where a quantiser looks.

use crate::float_run::panels;
use crate::model::Weights;
use mimlet_format::{BlockTensor, EncoderConfig, LinearPart, NormPart, TensorRole};
use mimlet_kernels::panel::Panels;
use mimlet_kernels::{Epilogue, Level, attention, gelu, layer_norm, linear, residual};

/// What went into a block's linear layers on calibration images: rows `[rows, inputs]`.
#[derive(Debug, Default)]
pub(crate) struct Taps {
    /// Into queries, keys and values.
    pub(crate) qkv: Vec<f32>,
    /// Into attention's projection.
    pub(crate) proj: Vec<f32>,
    /// Into the MLP's first layer.
    pub(crate) fc1: Vec<f32>,
    /// Into the MLP's second layer.
    pub(crate) fc2: Vec<f32>,
}

impl Taps {
    /// Rows of another image.
    pub(crate) fn extend(&mut self, other: Self) {
        self.qkv.extend(other.qkv);
        self.proj.extend(other.proj);
        self.fc1.extend(other.fc1);
        self.fc2.extend(other.fc2);
    }
}

/// Largest magnitudes into a layer and out of it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Range {
    pub(crate) max_input: f32,
    pub(crate) max_output: f32,
}

impl Range {
    /// Of these values.
    pub(crate) fn of(input: &[f32], output: &[f32]) -> Self {
        let largest = |values: &[f32]| values.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        Self {
            max_input: largest(input),
            max_output: largest(output),
        }
    }

    /// Of both.
    pub(crate) fn join(self, other: Self) -> Self {
        Self {
            max_input: self.max_input.max(other.max_input),
            max_output: self.max_output.max(other.max_output),
        }
    }
}

/// Half a block's layers with ranges: a norm and two linear layers.
pub(crate) type HalfRanges = [Range; 3];

/// What is seen of a half block on one image.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) taps: Taps,
    pub(crate) ranges: HalfRanges,
}

/// A linear layer with its weight in panels.
#[derive(Debug, Clone)]
pub(crate) struct Linear {
    params: linear::Params,
    weight: Vec<f32>,
    bias: Vec<f32>,
    /// Whether inputs are rounded to bytes, row by row, as for a weight of integers.
    byte_inputs: bool,
}

impl Linear {
    /// A layer of a row-major weight `[outputs, inputs]`.
    pub(crate) fn new(weight: &[f32], bias: &[f32], byte_inputs: bool) -> Self {
        let outputs = bias.len();
        let inputs = weight.len() / outputs;
        Self {
            params: linear::Params {
                inputs,
                outputs,
                half: false,
            },
            weight: panels(outputs, inputs, weight),
            bias: bias.to_vec(),
            byte_inputs,
        }
    }

    fn run(&self, level: Level, x: &[f32]) -> Vec<f32> {
        let rounded;
        let x = if self.byte_inputs {
            rounded = crate::quantize::rounded_rows(level, x, self.params.inputs);
            &rounded
        } else {
            x
        };
        let mut y = vec![0.0; x.len() / self.params.inputs * self.params.outputs];
        let weight = Panels::F32(&self.weight);
        linear::cpu(
            level,
            &self.params,
            x,
            weight,
            &self.bias,
            Epilogue::Store,
            &mut [],
            &mut y,
        );
        y
    }
}

/// A norm and the two linear layers after it: of attention, or of the MLP.
#[derive(Debug, Clone)]
pub(crate) struct Half {
    level: Level,
    norm: layer_norm::Params,
    gain: Vec<f32>,
    offset: Vec<f32>,
    linears: [Linear; 2],
    between: Between,
}

/// What is between a half block's linear layers.
#[derive(Debug, Clone, Copy)]
enum Between {
    Attention(attention::Params),
    Gelu,
}

impl Half {
    /// Attention and MLP of a model's block.
    pub(crate) fn both(encoder: &EncoderConfig, weights: &Weights<'_>, layer: u32) -> [Self; 2] {
        [
            Self::attention_of(encoder, weights, layer),
            Self::mlp_of(encoder, weights, layer),
        ]
    }

    /// Attention of a model's block.
    pub(crate) fn attention_of(encoder: &EncoderConfig, weights: &Weights<'_>, layer: u32) -> Self {
        use BlockTensor::{Norm1, Proj, Qkv};
        let [norm, qkv, proj] = tensors(weights, layer, Norm1, [Qkv, Proj]);
        let linears = [qkv, proj].map(|[weight, bias]| Linear::new(weight, bias, false));
        Self::attention(encoder, norm.map(<[f32]>::to_vec), linears)
    }

    /// The MLP of a model's block.
    pub(crate) fn mlp_of(encoder: &EncoderConfig, weights: &Weights<'_>, layer: u32) -> Self {
        use BlockTensor::{Fc1, Fc2, Norm2};
        let [norm, fc1, fc2] = tensors(weights, layer, Norm2, [Fc1, Fc2]);
        let linears = [fc1, fc2].map(|[weight, bias]| Linear::new(weight, bias, false));
        Self::mlp(encoder, norm.map(<[f32]>::to_vec), linears)
    }

    /// Attention: a norm's gain and offset, qkv and projection.
    pub(crate) fn attention(
        encoder: &EncoderConfig,
        norm: [Vec<f32>; 2],
        linears: [Linear; 2],
    ) -> Self {
        let attention = attention::Params {
            tokens: encoder.tokens() as usize,
            heads: encoder.num_heads as usize,
            head_dim: encoder.head_dim() as usize,
            exact: false,
        };
        Self::new(encoder, norm, linears, Between::Attention(attention))
    }

    /// The MLP: a norm's gain and offset, and two linear layers.
    pub(crate) fn mlp(encoder: &EncoderConfig, norm: [Vec<f32>; 2], linears: [Linear; 2]) -> Self {
        Self::new(encoder, norm, linears, Between::Gelu)
    }

    fn new(
        encoder: &EncoderConfig,
        [gain, offset]: [Vec<f32>; 2],
        linears: [Linear; 2],
        between: Between,
    ) -> Self {
        Self {
            level: Level::detect(),
            norm: layer_norm::Params {
                dim: encoder.embed_dim as usize,
                eps: encoder.layer_norm_eps,
            },
            gain,
            offset,
            linears,
            between,
        }
    }

    /// The same with another linear layer in place of the first or the second.
    pub(crate) fn with(&self, index: usize, linear: &Linear) -> Self {
        let mut half = self.clone();
        half.linears[index] = linear.clone();
        half
    }

    /// `x += second(between(first(norm(x))))`. Of the rows that go into a linear layer those from a
    /// first on are kept, every so many-th, where these two are given; the ranges are those of all rows.
    pub(crate) fn run(&self, stream: &mut [f32], kept: Option<(usize, usize)>) -> Seen {
        let level = self.level;
        let [first, second] = &self.linears;
        let mut normed = vec![0.0; stream.len()];
        let (gain, offset) = (&self.gain, &self.offset);
        layer_norm::cpu(level, &self.norm, stream, gain, offset, &mut normed);
        let hidden = first.run(level, &normed);
        let mut seen = Seen::default();
        let see = |rows: &[f32], width: usize, y: &[f32]| -> (Vec<f32>, Range) {
            let Some((first, step)) = kept else {
                return Default::default();
            };
            let kept = rows.chunks_exact(width).skip(first).step_by(step);
            (kept.flatten().copied().collect(), Range::of(rows, y))
        };
        if kept.is_some() {
            seen.ranges[0] = Range::of(stream, &normed);
        }
        let first_rows;
        (first_rows, seen.ranges[1]) = see(&normed, first.params.inputs, &hidden);
        let middle = self.between(hidden, normed);
        let y = second.run(level, &middle);
        let second_rows;
        (second_rows, seen.ranges[2]) = see(&middle, second.params.inputs, &y);
        match self.between {
            Between::Attention(_) => (seen.taps.qkv, seen.taps.proj) = (first_rows, second_rows),
            Between::Gelu => (seen.taps.fc1, seen.taps.fc2) = (first_rows, second_rows),
        }
        residual::cpu(level, &y, stream);
        seen
    }

    /// `room` is of attention's outputs.
    fn between(&self, mut hidden: Vec<f32>, mut room: Vec<f32>) -> Vec<f32> {
        match &self.between {
            Between::Attention(params) => {
                let mut scratch = vec![0; attention::whole_len(params)];
                attention::cpu(self.level, params, &hidden, &mut scratch, &mut room);
                room
            }
            Between::Gelu => {
                gelu::cpu(self.level, &mut hidden);
                hidden
            }
        }
    }
}

/// Weight and bias of a block's norm and of two of its linear layers.
fn tensors<'w>(
    weights: &'w Weights<'_>,
    layer: u32,
    norm: fn(NormPart) -> BlockTensor,
    [first, second]: [fn(LinearPart) -> BlockTensor; 2],
) -> [[&'w [f32]; 2]; 3] {
    let get = |tensor| weights.get(TensorRole::Block { layer, tensor });
    let linear = |tensor: fn(LinearPart) -> BlockTensor| {
        [LinearPart::Weight, LinearPart::Bias].map(|part| get(tensor(part)))
    };
    [
        [NormPart::Weight, NormPart::Bias].map(|part| get(norm(part))),
        linear(first),
        linear(second),
    ]
}
