//! The tensors of each step, found once.

use crate::plan::{PlanError, Step};
use mimlet_format::{DType, Model, TensorRole};
use mimlet_kernels::panel::Panels;

/// The tensors of a step, in the file's memory.
#[derive(Debug, Clone, Copy)]
pub(super) enum Weights<'m> {
    /// A step without tensors.
    None,
    /// Float weights and bias, or token table.
    Float(Panels<'m>, &'m [f32]),
    /// Byte weights, scales and biases.
    Bytes(&'m [i8], [&'m [f32]; 2]),
    /// Gain and offset.
    Norm(&'m [f32], &'m [f32]),
    /// Centroids.
    Centroids(&'m [f32]),
}

impl<'m> Weights<'m> {
    /// The tensors of a step.
    pub(super) fn of(model: &Model<'m>, step: &Step) -> Result<Self, PlanError> {
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
                weight,
                scale,
                bias,
                ..
            } => Self::Bytes(
                bytes(model, weight)?,
                [floats(model, scale)?, floats(model, bias)?],
            ),
            Step::LayerNorm { weight, bias, .. } => {
                Self::Norm(floats(model, weight)?, floats(model, bias)?)
            }
            Step::NearestCentroid { centroids, .. } => Self::Centroids(floats(model, centroids)?),
            _ => Self::None,
        })
    }
}

fn floats<'m>(model: &Model<'m>, role: TensorRole) -> Result<&'m [f32], PlanError> {
    let tensor = model.tensor(role).ok_or(PlanError::MissingTensor(role))?;
    tensor.f32().ok_or(PlanError::UnsupportedStorage(
        role,
        "something else than f32",
    ))
}

fn bytes<'m>(model: &Model<'m>, role: TensorRole) -> Result<&'m [i8], PlanError> {
    let tensor = model.tensor(role).ok_or(PlanError::MissingTensor(role))?;
    tensor.i8().ok_or(PlanError::UnsupportedStorage(
        role,
        "something else than i8",
    ))
}

fn panels<'m>(model: &Model<'m>, role: TensorRole) -> Result<Panels<'m>, PlanError> {
    let tensor = model.tensor(role).ok_or(PlanError::MissingTensor(role))?;
    let half = tensor.f16_bits().map(Panels::F16);
    match tensor.entry.dtype {
        DType::F32 => floats(model, role).map(Panels::F32),
        _ => half.ok_or(PlanError::UnsupportedStorage(role, "integers")),
    }
}
