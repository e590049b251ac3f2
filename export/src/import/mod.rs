//! Checkpoints to [`FloatModel`]s.

mod facts;
mod fold;
mod model_card;
mod names;
#[cfg(feature = "onnx")]
mod onnx;
mod options;
mod positions;
mod refusals;
mod shape;
mod source;

use crate::ExportError;
use crate::model::{FloatModel, PreprocessHints};
use facts::Facts;
use mimlet_checkpoint::Checkpoint;
use shape::Shape;
use source::Source;
use std::path::Path;

pub(crate) use facts::colours;
pub use options::ImportOptions;
pub use positions::PositionRule;

/// Epsilon of layer norms in timm's ViTs and in MAE, which their checkpoints do not state.
const TIMM_EPSILON: f32 = 1e-6;

/// Reads a checkpoint of a plain ViT: what kind it is of is told from the file and its tensors'
/// names.
///
/// | checkpoint | read from |
/// |---|---|
/// | timm's `VisionTransformer`, MAE, ClusterMIM, DINO, DINOv2, `mimlet-train` | `.safetensors`, `.pth` |
/// | transformers' `ViTModel` and `Dinov2Model`, with or without registers | a folder, or its `model.safetensors` |
/// | a ViT exported by PyTorch | `.onnx`, with the feature `onnx` |
///
/// What can be told from shapes, from `config.json` and `preprocessor_config.json` beside the
/// weights, from a graph or from a safetensors file's metadata is; the rest comes from `options`,
/// which win over all. Of most files that leaves `num_heads`. Decoder, head, mask token and optimiser
/// are left out and listed in [`FloatModel::ignored`]. LayerScale is folded into the layer before it,
/// absent qkv biases are zero, and positions that are for another size are resampled as the
/// checkpoint's own library does it ([`PositionRule`]).
///
/// # Errors
/// [`ExportError`], naming the file and the tensor or setting: any tensor unknown, missing, of
/// another shape, not finite, or of a network that no op here computes.
///
/// ```no_run
/// use mimlet_export::{ImportOptions, import};
/// let options = ImportOptions { heads: Some(3), ..ImportOptions::default() };
/// let model = import("vit_tiny.safetensors".as_ref(), &options)?;
/// assert_eq!(model.encoder.num_heads, 3);
/// # Ok::<(), mimlet_export::ExportError>(())
/// ```
pub fn import(path: &Path, options: &ImportOptions) -> Result<FloatModel, ExportError> {
    let (asked, said) = options.facts()?;
    let resize = said.resize;
    let mut source = open(path, said)?;
    let shape = shape::find(&source, asked)?;
    let weights = fold::weights(&mut source, &shape)?;
    let mut notes = std::mem::take(&mut source.facts.notes);
    notes.extend(resampling_note(&shape));
    let facts = &source.facts;
    let model = FloatModel {
        preprocess: PreprocessHints {
            // The checkpoint's own resize is for its own input.
            resize_short_side: resize.or(facts.resize.filter(|_| shape.is_native())),
            mean: facts.mean,
            std: facts.std,
        },
        name: name(path),
        source: source_name(path, source.weights_path()),
        licence: facts.licence.clone(),
        source_hash: source.hash()?,
        encoder: shape.encoder,
        weights,
        ignored: std::mem::take(&mut source.ignored),
        notes,
    };
    model.check()?;
    Ok(model)
}

/// Opens a checkpoint and tells its tensors apart. What the user said counts for most, then what the
/// file itself says, then what lies beside it.
fn open(path: &Path, said: Facts) -> Result<Source, ExportError> {
    #[cfg(feature = "onnx")]
    if path
        .extension()
        .is_some_and(|extension| extension == "onnx")
    {
        return onnx::open(path, said);
    }
    let checkpoint = Checkpoint::open(path)?;
    let mut facts = said.or(Facts::of_metadata(&checkpoint)?);
    if let Some(folder) = model_card::folder(path, &checkpoint) {
        facts = facts.or(model_card::read(&folder)?);
    }
    if let (Some(key), others @ [_, ..]) = (checkpoint.weights_key(), checkpoint.other_keys()) {
        let others = others.join(", ");
        facts.notes.push(format!(
            "the weights are those under `{key}`; the checkpoint also has: {others}"
        ));
    }
    Source::by_names(checkpoint, facts)
}

/// What positions were resampled, when they were.
fn resampling_note(shape: &Shape) -> Option<String> {
    let [rows, columns] = shape.position_grid;
    let [new_rows, new_columns] = shape.encoder.grid();
    (!shape.is_native()).then(|| {
        format!(
            "positions were resampled from {rows}x{columns} to {new_rows}x{new_columns} patches by {}",
            shape.rule.describe()
        )
    })
}

/// The file's name without its extension, or the folder's.
fn name(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = match whole.is_dir() {
        true => whole.file_name(),
        false => whole.file_stem(),
    };
    name.map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// The file's name, after the folder's when the path is of a folder.
fn source_name(path: &Path, weights: &Path) -> String {
    let file = weights.file_name().unwrap_or_default().to_string_lossy();
    match path.is_dir() {
        true => format!("{}/{file}", name(path)),
        false => file.into_owned(),
    }
}
