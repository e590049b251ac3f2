//! Checkpoint to verified .mim file: import, quantise, pack, verify.
//!
//! [`import`] reads a checkpoint into a [`FloatModel`], [`read_codebook`] a codebook; [`export`]
//! quantises both on calibration images, packs them with an acceptance test whose answers are the
//! float model's, parses the result back, runs it, and refuses it when it fails. [`random`] makes a
//! model without a checkpoint, for work on latency.
//!
//! ```
//! use mimlet_export::{Arch, ExportOptions, export, random, synthetic_golden};
//! use mimlet_format::{Model, Scheme};
//!
//! let model = random(Arch::VitTiny16, 32, 7);
//! let mut options = ExportOptions::new(Scheme::F16, model.preprocess.resolve([32, 32]));
//! options.golden = synthetic_golden([32, 32], 2, 7);
//! let exported = export(&model, None, &options)?;
//! let parsed = Model::parse(&exported.bytes).expect("an export has been parsed");
//! assert_eq!(parsed.manifest().encoder.depth, 12);
//! assert!(exported.report.verdict.min_cosine > 0.9999);
//! # Ok::<(), mimlet_export::ExportError>(())
//! ```
#![warn(clippy::unwrap_used)]

mod choice;
mod codebook;
mod draft;
mod drift;
mod error;
mod export;
mod figures;
mod float_block;
mod float_run;
mod golden;
mod import;
mod markup;
mod mixed;
mod model;
mod own;
mod pack;
mod page;
mod plot;
mod quantize;
mod random;
mod random_model;
mod random_outliers;
mod report;
pub mod sweep;
mod target;
mod tensors;
mod thresholds;

pub use codebook::{CodebookOptions, FloatCodebook, PatchOrder, read_codebook};
pub use error::ExportError;
pub use export::{ExportOptions, Exported, Progress, export, export_owned};
pub use golden::{GoldenImage, synthetic_golden};
pub use import::{ImportOptions, PositionRule, import};
pub use model::{FloatModel, FloatWeights, IMAGENET_MEAN, IMAGENET_STD, PreprocessHints};
pub use random_model::{Arch, random, random_codebook};
pub use report::{
    Flip, ImageReport, LayerReport, MarginReport, OriginReport, Report, SizeReport,
    ThresholdsReport, VerdictReport,
};
pub use target::{CpuProfile, GpuLimits, Refusal, Shape, Simd, Target, WeightType};
