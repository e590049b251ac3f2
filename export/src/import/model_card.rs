//! `config.json` and `preprocessor_config.json`, which Hugging Face and timm put beside weights.

use super::Facts;
use super::options::Sides;
use crate::ExportError;
use mimlet_checkpoint::Checkpoint;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longest file that is read, bytes.
const MAX_BYTES: u64 = 16 << 20;

/// `config.json`: transformers' keys, and what timm writes into it.
#[derive(Debug, Default, Deserialize)]
struct Config {
    num_attention_heads: Option<u32>,
    layer_norm_eps: Option<f32>,
    image_size: Option<Sides>,
    hidden_act: Option<String>,
    pretrained_cfg: Option<TimmConfig>,
}

/// timm's `pretrained_cfg`.
#[derive(Debug, Default, Deserialize)]
struct TimmConfig {
    mean: Option<[f32; 3]>,
    std: Option<[f32; 3]>,
    input_size: Option<[u32; 3]>,
    crop_pct: Option<f64>,
    interpolation: Option<String>,
    license: Option<String>,
}

/// `preprocessor_config.json` of transformers' image processors.
#[derive(Debug, Default, Deserialize)]
struct Processor {
    image_mean: Option<[f32; 3]>,
    image_std: Option<[f32; 3]>,
    do_resize: Option<bool>,
    do_normalize: Option<bool>,
    size: Option<Size>,
    resample: Option<u32>,
}

/// A resize: of both sides, or of the short one.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Size {
    Side(u32),
    Short { shortest_edge: u32 },
    Both { height: u32, width: u32 },
}

/// Pillow's number for bicubic resampling.
const BICUBIC: u32 = 3;

/// The folder whose files belong to a checkpoint: the checkpoint itself, or where its file lies under
/// the name that such folders give it.
pub(super) fn folder(path: &Path, checkpoint: &Checkpoint) -> Option<PathBuf> {
    if path.is_dir() {
        return Some(path.to_owned());
    }
    let weights = checkpoint.weights_path();
    let name = weights.file_name()?.to_str()?;
    let is_hub_s = name.starts_with("model.") || name.starts_with("model-");
    (is_hub_s || name == "pytorch_model.bin").then(|| weights.with_file_name(""))
}

/// What the two files say; nothing when there are none.
pub(super) fn read(folder: &Path) -> Result<Facts, ExportError> {
    let path = folder.join("config.json");
    let config: Config = parse(&path)?.unwrap_or_default();
    if let Some(other) = config.hidden_act.as_deref().filter(|act| *act != "gelu") {
        let reason = format!(
            "hidden_act is {other:?}, which no op here computes; gelu, with the error function, is"
        );
        return Err(ExportError::content(&path, reason));
    }
    let timm = config.pretrained_cfg.unwrap_or_default();
    let processor = parse(&folder.join("preprocessor_config.json"))?.unwrap_or_default();
    let timm_size = timm.input_size.map(|[_, height, width]| [height, width]);
    let facts = Facts {
        num_heads: config.num_attention_heads,
        image_size: config.image_size.map(Sides::both).or(timm_size),
        layer_norm_eps: config.layer_norm_eps,
        resize: timm_size
            .zip(timm.crop_pct)
            .map(|(size, crop)| resize(size, crop)),
        mean: timm.mean,
        std: timm.std,
        licence: timm.license,
        positions: None,
        notes: resampling_notes(timm.interpolation.as_deref()),
    };
    Ok(facts.or(of_processor(processor)))
}

/// timm's resize before the crop: the crop over its share, rounded down.
fn resize(size: [u32; 2], crop: f64) -> u32 {
    let side = f64::from(size[0].min(size[1]));
    (side / crop.clamp(0.1, 1.0)).floor() as u32
}

fn of_processor(processor: Processor) -> Facts {
    let mut notes = Vec::new();
    let resize = match processor
        .size
        .filter(|_| processor.do_resize != Some(false))
    {
        Some(
            Size::Side(side)
            | Size::Short {
                shortest_edge: side,
            },
        ) => Some(side),
        Some(Size::Both { height, width }) => {
            notes.push(
                "its image processor squashes photos to the input's shape; here the short side is \
                 resized and the centre cropped"
                    .to_owned(),
            );
            Some(height.max(width))
        }
        None => None,
    };
    if processor
        .resample
        .is_some_and(|resample| resample != BICUBIC)
    {
        notes.extend(resampling_notes(Some("another filter")));
    }
    let normalised = processor.do_normalize != Some(false);
    let plain = |value: f32| (!normalised).then_some([value; 3]);
    Facts {
        resize,
        mean: processor.image_mean.filter(|_| normalised).or(plain(0.0)),
        std: processor.image_std.filter(|_| normalised).or(plain(1.0)),
        notes,
        ..Facts::default()
    }
}

fn resampling_notes(filter: Option<&str>) -> Vec<String> {
    let other = filter.filter(|filter| !filter.contains("bicubic"));
    let note = other.map(|filter| {
        format!("its library resizes photos with {filter}; here it is bicubic, as the format says")
    });
    note.into_iter().collect()
}

/// A JSON file's content; `None` when there is no such file.
fn parse<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ExportError> {
    if !path.is_file() {
        return Ok(None);
    }
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES).read_to_end(&mut text))
        .map_err(ExportError::io(path))?;
    let value = serde_json::from_slice(&text);
    value.map(Some).map_err(|error| {
        ExportError::content(path, format!("is no model's configuration: {error}"))
    })
}
