//! Folders as Hugging Face lays them out, and their checkpoints in several files.

use crate::checkpoint::{Checkpoint, Kind};
use crate::{CheckpointError, safetensors_file};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Longest index that is read, bytes.
const MAX_INDEX: u64 = 16 << 20;

/// What a folder's weights may be called, the preferred one first.
const WEIGHTS: [&str; 3] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
];

/// Opens the weights in a folder.
pub(crate) fn open(path: &Path) -> Result<Checkpoint, CheckpointError> {
    for name in WEIGHTS {
        let file = path.join(name);
        if file.is_file() {
            return match name.ends_with(".json") {
                true => open_index(path, &file),
                false => Checkpoint::open(&file),
            };
        }
    }
    let reason = format!(
        "is a folder without {}; name the checkpoint's file",
        WEIGHTS.join(", ")
    );
    Err(CheckpointError::content(path, reason))
}

/// Opens the files that an index names: `{"weight_map": {tensor: file}}`, files beside it.
pub(crate) fn open_index(path: &Path, index: &Path) -> Result<Checkpoint, CheckpointError> {
    let wrong = |reason: String| CheckpointError::content(index, reason);
    let map = weight_map(index)?;
    let mut checkpoint = Checkpoint::new(path, Kind::Safetensors);
    let files: BTreeSet<&String> = map.values().collect();
    for name in files {
        // A name with a separator could lead anywhere.
        let plain = Path::new(name).file_name().and_then(|name| name.to_str());
        if plain != Some(name.as_str()) || !name.ends_with(".safetensors") {
            let reason = format!("names {name:?}, which is no .safetensors file beside it");
            return Err(wrong(reason));
        }
        safetensors_file::add(&mut checkpoint, &index.with_file_name(name))?;
    }
    for (tensor, file) in &map {
        if checkpoint.shape(tensor).is_none() {
            let reason = format!("says that {file} has tensor {tensor}; it has not");
            return Err(wrong(reason));
        }
    }
    Ok(checkpoint)
}

fn weight_map(index: &Path) -> Result<BTreeMap<String, String>, CheckpointError> {
    let mut text = Vec::new();
    File::open(index)
        .and_then(|file| file.take(MAX_INDEX).read_to_end(&mut text))
        .map_err(CheckpointError::io(index))?;
    let value: serde_json::Value = serde_json::from_slice(&text).map_err(|error| {
        CheckpointError::content(index, format!("is no index of a checkpoint: {error}"))
    })?;
    let map = value.get("weight_map").cloned().unwrap_or_default();
    serde_json::from_value(map).map_err(|_| {
        let reason = "has no `weight_map` from tensors to files; is it a checkpoint's index?";
        CheckpointError::content(index, reason)
    })
}
