//! Why a checkpoint was not turned into a file.

use crate::report::Report;
use crate::target::{Refusal, in_a_line};
use mimlet_checkpoint::CheckpointError;
use mimlet_format::{DType, FormatError, OpenError, TensorRole};
use mimlet_runtime::{EncodeError, PlanError};
use std::io;
use std::path::PathBuf;

/// Why a checkpoint was not read, or a model not exported. Nothing has been written then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A file cannot be read.
    #[error("{path}: cannot be read: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("{path}: cannot be written: {source}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not what its name or place says.
    #[error("{path}: {reason}", path = path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// A checkpoint has a tensor that no known ViT has.
    #[error(
        "{path}: tensor {name} {shape:?} has no place in a plain ViT encoder; export a checkpoint \
         without it",
        path = path.display()
    )]
    UnknownTensor {
        /// The checkpoint.
        path: PathBuf,
        /// The tensor's name there.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A checkpoint is of a network that no op computes.
    #[error("{path}: tensor {name} {shape:?}: {reason}", path = path.display())]
    NoOp {
        /// The checkpoint.
        path: PathBuf,
        /// The tensor, or the graph's node, that tells.
        name: String,
        /// Its shape; empty for a node.
        shape: Vec<usize>,
        /// What the network is, and what to export instead.
        reason: String,
    },
    /// A graph has a node that a plain ViT has not.
    #[error("{path}: node {node} ({op}) {reason}", path = path.display())]
    UnknownNode {
        /// The model.
        path: PathBuf,
        /// The node's name, or that of what it makes.
        node: String,
        /// Its operator.
        op: String,
        /// What is wrong about it and what to do.
        reason: String,
    },
    /// A checkpoint lacks a tensor.
    #[error(
        "{path}: tensor {name} {expected:?}, the encoder's {role}, is missing",
        path = path.display()
    )]
    MissingTensor {
        /// The checkpoint.
        path: PathBuf,
        /// The name it would have.
        name: String,
        /// What it is for.
        role: TensorRole,
        /// The shape it would have; empty when the missing tensor is what would tell.
        expected: Vec<usize>,
    },
    /// A checkpoint's tensor has another shape than its role asks for.
    #[error(
        "{path}: tensor {name}, the encoder's {role}, is {found:?} where the rest of the \
         checkpoint asks for {expected:?}",
        path = path.display()
    )]
    WrongShape {
        /// The checkpoint.
        path: PathBuf,
        /// The tensor's name there.
        name: String,
        /// What it is for.
        role: TensorRole,
        /// Its shape.
        found: Vec<usize>,
        /// The shape it should have; 0 stands for any length.
        expected: Vec<usize>,
    },
    /// A checkpoint's tensor holds numbers of a type that is not read.
    #[error(
        "{path}: tensor {name} is {found}; f32, f64, f16 and bf16 are read, convert it",
        path = path.display()
    )]
    WrongDType {
        /// The checkpoint.
        path: PathBuf,
        /// The tensor's name there.
        name: String,
        /// Its type, as the checkpoint calls it.
        found: String,
    },
    /// A weight is NaN or infinite.
    #[error(
        "tensor {name}: value {index} is {value}; the checkpoint is broken, take an earlier one"
    )]
    NotFinite {
        /// The tensor.
        name: String,
        /// Which of its values.
        index: usize,
        /// The value.
        value: f32,
    },
    /// A weight is too large for the type it would be stored in.
    #[error(
        "tensor {role}: value {index} is {value}, beyond what {dtype} holds; choose the f32 scheme"
    )]
    Overflow {
        /// The tensor.
        role: TensorRole,
        /// Which of its values, row-major.
        index: usize,
        /// The value.
        value: f32,
        /// The type.
        dtype: DType,
    },
    /// A model's tensor is absent or of another size than its configuration asks for.
    #[error("tensor {role} has {found} values where the configuration asks for {expected}")]
    WrongLength {
        /// The tensor.
        role: TensorRole,
        /// Values it has; 0 when it is absent.
        found: usize,
        /// Values it should have.
        expected: usize,
    },
    /// A setting is missing, impossible or at odds with another.
    #[error("{field} {reason}")]
    Config {
        /// The setting.
        field: &'static str,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// A packed file cannot be opened, or is damaged.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The packed file breaks a rule of the format.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The packed file has no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The model exceeds limits of the target.
    #[error("target {target}: {}", in_a_line(refusals))]
    TargetRefuses {
        /// The target's name.
        target: String,
        /// What exceeds which limit, at least one.
        refusals: Vec<Refusal>,
    },
    /// A golden image could not be run.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The packed file fails its own acceptance test.
    #[error(
        "the {scheme} model fails its own acceptance test: {}; choose a wider scheme, or calibrate \
         with images like those it will see",
        failures.join(", ")
    )]
    Rejected {
        /// How it was quantised: `f32`, `f16`, `int8`.
        scheme: &'static str,
        /// What was not reached, a sentence each.
        failures: Vec<String>,
        /// What is known of the file that was not written; `None` when its outputs are no numbers.
        report: Option<Box<Report>>,
    },
}

impl From<CheckpointError> for ExportError {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::Io { path, source } => Self::Io { path, source },
            CheckpointError::WrongDType { path, name, found } => {
                Self::WrongDType { path, name, found }
            }
            CheckpointError::Content { path, reason } => Self::Content { path, reason },
            // The enum may grow; what it says names the file already.
            other => Self::Config {
                field: "the checkpoint",
                reason: other.to_string(),
            },
        }
    }
}

impl ExportError {
    /// Whether the model was understood and the packed file missed what was asked of it: a check
    /// that failed, where all else is bad input.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Rejected { .. } | Self::TargetRefuses { .. })
    }

    /// What was not reached, a sentence each; of most errors, the error itself.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        match self {
            Self::Rejected { failures, .. } => failures.clone(),
            other => vec![other.to_string()],
        }
    }

    /// What is known of a file that was not written.
    #[must_use]
    pub fn into_report(self) -> Option<Report> {
        match self {
            Self::Rejected { report, .. } => report.map(|report| *report),
            _ => None,
        }
    }

    /// For `map_err` on a failed read of `path`.
    pub(crate) fn io(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    /// For `map_err` on a failed write of `path`.
    pub(crate) fn writing(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Write {
            path: path.to_owned(),
            source,
        }
    }

    /// A complaint about the content of `path`.
    pub(crate) fn content(path: &std::path::Path, reason: impl Into<String>) -> Self {
        Self::Content {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}
