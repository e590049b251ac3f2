//! The tensors of each step, found once.

use crate::plan::{PlanError, Step};
use alloc::vec;
use alloc::vec::Vec;
use mimlet_format::{DType, Model, TensorRole, TensorView};
use mimlet_kernels::nearest_centroid::Centroids;
use mimlet_kernels::panel::Panels;
use mimlet_kernels::{Level, linear_q4, linear_q8};

/// The tensors of a step, in the file's memory.
#[derive(Debug)]
pub(super) enum Weights<'m> {
    /// A step without tensors.
    None,
    /// Float weights and bias, or token table.
    Float(Panels<'m>, &'m [f32]),
    /// Byte weights.
    Bytes(Bytes<'m>),
    /// 4-bit weights.
    Nibbles(Nibbles<'m>),
    /// Gain and offset.
    Norm(&'m [f32], &'m [f32]),
    /// Centroids.
    Centroids(Centroids<'m>),
}

/// A layer of bytes, in the file's memory but for the sums.
#[derive(Debug)]
pub(super) struct Bytes<'m> {
    weight: &'m [i8],
    scale: &'m [f32],
    bias: &'m [f32],
    sums: Vec<i32>,
}

impl Bytes<'_> {
    /// The layer's tensors.
    pub(super) fn get(&self) -> linear_q8::Weights<'_> {
        linear_q8::Weights {
            weight: self.weight,
            scale: self.scale,
            bias: self.bias,
            sums: &self.sums,
        }
    }
}

/// A layer of 4-bit weights, in the file's memory but for the sums.
#[derive(Debug)]
pub(super) struct Nibbles<'m> {
    weight: &'m [u8],
    scales: &'m [u16],
    bias: &'m [f32],
    sums: Vec<f32>,
}

impl Nibbles<'_> {
    /// The layer's tensors.
    pub(super) fn get(&self) -> linear_q4::Weights<'_> {
        linear_q4::Weights {
            weight: self.weight,
            scales: self.scales,
            bias: self.bias,
            sums: &self.sums,
        }
    }
}

impl<'m> Weights<'m> {
    /// The tensors of a step.
    pub(super) fn of(model: &Model<'m>, step: &Step, level: Level) -> Result<Self, PlanError> {
        Ok(match *step {
            Step::PatchEmbed {
                weight,
                table: vector,
                ..
            }
            | Step::Linear {
                weight,
                bias: vector,
                ..
            } => Self::Float(panels(model, weight)?, floats(model, vector)?),
            Step::LinearQ8 {
                ref params,
                weight,
                scale,
                bias,
                ..
            } => {
                let weight = bytes(model, weight)?;
                let mut sums = vec![0; params.outputs];
                linear_q8::sums(level, params, weight, &mut sums);
                Self::Bytes(Bytes {
                    weight,
                    scale: floats(model, scale)?,
                    bias: floats(model, bias)?,
                    sums,
                })
            }
            Step::LayerNorm { weight, bias, .. } => {
                Self::Norm(floats(model, weight)?, floats(model, bias)?)
            }
            Step::LinearQ4 {
                ref params,
                weight,
                scale,
                bias,
                ..
            } => {
                let (weight, scales) = (nibbles(model, weight)?, halves(model, scale)?);
                let mut sums = vec![0.0; params.outputs];
                linear_q4::sums(level, params, weight, scales, &mut sums);
                Self::Nibbles(Nibbles {
                    weight,
                    scales,
                    bias: floats(model, bias)?,
                    sums,
                })
            }
            Step::NearestCentroid { .. } => Self::Centroids(centroids_of(model)?),
            _ => Self::None,
        })
    }

    /// Bytes of the tensors.
    #[cfg(feature = "std")]
    pub(super) fn bytes(&self) -> u64 {
        let bytes = match self {
            Self::None => 0,
            Self::Float(Panels::F32(weight), vector) => size_of_val(*weight) + size_of_val(*vector),
            Self::Float(Panels::F16(weight), vector) => size_of_val(*weight) + size_of_val(*vector),
            Self::Bytes(layer) => {
                size_of_val(layer.weight) + size_of_val(layer.scale) + size_of_val(layer.bias)
            }
            Self::Nibbles(layer) => {
                size_of_val(layer.weight) + size_of_val(layer.scales) + size_of_val(layer.bias)
            }
            Self::Norm(gain, offset) => size_of_val(*gain) + size_of_val(*offset),
            Self::Centroids(Centroids::F32(values)) => size_of_val(*values),
            Self::Centroids(Centroids::F16(values)) => size_of_val(*values),
            Self::Centroids(Centroids::I8(values, scales)) => {
                size_of_val(*values) + size_of_val(*scales)
            }
        };
        bytes as u64
    }
}

/// A model's centroids.
pub(crate) fn centroids_of<'m>(model: &Model<'m>) -> Result<Centroids<'m>, PlanError> {
    let role = TensorRole::Centroids;
    let tensor = model.tensor(role).ok_or(PlanError::MissingTensor(role))?;
    Ok(match tensor.entry.dtype {
        DType::I8 => Centroids::I8(
            bytes(model, role)?,
            floats(model, TensorRole::CentroidScale)?,
        ),
        DType::F16 => Centroids::F16(halves(model, role)?),
        _ => Centroids::F32(floats(model, role)?),
    })
}

/// A tensor's elements as `view` gives them; `otherwise` is what they are when it does not.
fn stored<'m, T>(
    model: &Model<'m>,
    role: TensorRole,
    otherwise: &'static str,
    view: impl Fn(&TensorView<'_, 'm>) -> Option<&'m [T]>,
) -> Result<&'m [T], PlanError> {
    let tensor = model.tensor(role).ok_or(PlanError::MissingTensor(role))?;
    view(&tensor).ok_or(PlanError::UnsupportedStorage(role, otherwise))
}

fn floats<'m>(model: &Model<'m>, role: TensorRole) -> Result<&'m [f32], PlanError> {
    stored(model, role, "something else than f32", |tensor| {
        tensor.f32()
    })
}

fn halves<'m>(model: &Model<'m>, role: TensorRole) -> Result<&'m [u16], PlanError> {
    stored(model, role, "something else than f16", |tensor| {
        tensor.f16_bits()
    })
}

fn bytes<'m>(model: &Model<'m>, role: TensorRole) -> Result<&'m [i8], PlanError> {
    stored(model, role, "something else than i8", |tensor| tensor.i8())
}

fn nibbles<'m>(model: &Model<'m>, role: TensorRole) -> Result<&'m [u8], PlanError> {
    stored(model, role, "something else than i4", |tensor| tensor.i4())
}

fn panels<'m>(model: &Model<'m>, role: TensorRole) -> Result<Panels<'m>, PlanError> {
    let tensor = model.tensor(role).ok_or(PlanError::MissingTensor(role))?;
    let half = tensor.f16_bits().map(Panels::F16);
    match tensor.entry.dtype {
        DType::F32 => floats(model, role).map(Panels::F32),
        _ => half.ok_or(PlanError::UnsupportedStorage(role, "integers")),
    }
}
