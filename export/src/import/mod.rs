//! Checkpoints to [`FloatModel`]s.

mod fold;
mod names;
mod options;
mod safetensors_file;
mod shape;

use crate::ExportError;
use crate::model::{FloatModel, PreprocessHints, check_encoder};
use options::ArchConfig;
use std::path::Path;

pub use options::ImportOptions;
pub(crate) use safetensors_file::{Array, SafetensorsFile};

/// Epsilon of layer norms in timm's ViTs and in MAE, which their checkpoints do not state.
const TIMM_EPSILON: f32 = 1e-6;

/// Reads a checkpoint: a `.safetensors` file with the parameter names of timm's
/// `VisionTransformer`, which MAE, ClusterMIM and `mimlet-train` share.
///
/// What can be told from tensor shapes is; `num_heads`, which cannot, comes from `options` or from
/// the file's metadata, as do `layer_norm_eps` (else 1e-6), `resize`, `mean`, `std` and `licence`.
/// Decoder, head, mask token and optimiser are left out and listed in
/// [`FloatModel::ignored`]. Absent qkv biases are zero.
///
/// # Errors
/// [`ExportError`], naming the file and the tensor or setting: any tensor unknown, missing, of
/// another shape or not finite.
///
/// ```no_run
/// use mimlet_export::{ImportOptions, import};
/// let options = ImportOptions { heads: Some(3), ..ImportOptions::default() };
/// let model = import("vit_tiny.safetensors".as_ref(), &options)?;
/// assert_eq!(model.encoder.num_heads, 3);
/// # Ok::<(), mimlet_export::ExportError>(())
/// ```
pub fn import(path: &Path, options: &ImportOptions) -> Result<FloatModel, ExportError> {
    let config = ArchConfig::of(options)?;
    let mut file = SafetensorsFile::open(path)?;
    let ignored = names::ignored(&file)?;
    let encoder = shape::encoder(&file, &config)?;
    check_encoder(&encoder)?;
    let weights = fold::weights(&mut file, &encoder)?;
    let text = |part: Option<&std::ffi::OsStr>| {
        part.map(|part| part.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let model = FloatModel {
        preprocess: PreprocessHints {
            resize_short_side: either(config.resize, file.parsed("resize")?),
            mean: either(config.mean, file.colours("mean")?),
            std: either(config.std, file.colours("std")?),
        },
        name: text(path.file_stem()),
        source: text(path.file_name()),
        source_hash: file.hash()?,
        licence: config
            .licence
            .or_else(|| file.metadata("licence").map(str::to_owned)),
        encoder,
        weights,
        ignored,
    };
    model.check()?;
    Ok(model)
}

/// What the user says, else what the file says.
fn either<T>(user: Option<T>, file: Option<T>) -> Option<T> {
    user.or(file)
}
