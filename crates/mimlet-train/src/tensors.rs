//! Files of named arrays and metadata strings: safetensors written, any checkpoint read.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use half::f16;
use mimlet_checkpoint::{Checkpoint, Kind};
use safetensors::tensor::{Dtype, TensorView, serialize};

use crate::atomic;
use crate::error::TrainError;
use crate::nn::state::{Array, State};

/// How values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 16 bits, rounded to nearest.
    F16,
}

impl Precision {
    /// Little-endian bytes of `values`.
    fn bytes(self, values: &[f32]) -> Vec<u8> {
        let rounded = || values.iter().map(|&v| f16::from_f32(v));
        match self {
            Self::F32 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::F16 => rounded().flat_map(f16::to_le_bytes).collect(),
        }
    }
}

/// Writes `state` and `metadata`, whole or not at all.
pub(crate) fn write(
    path: &Path,
    state: &State,
    metadata: &BTreeMap<&str, String>,
    precision: Precision,
) -> Result<(), TrainError> {
    let dtype = match precision {
        Precision::F32 => Dtype::F32,
        Precision::F16 => Dtype::F16,
    };
    let stored: Vec<(&String, &Array, Vec<u8>)> = state
        .iter()
        .map(|(name, array)| (name, array, precision.bytes(&array.values)))
        .collect();
    let mut views = Vec::with_capacity(stored.len());
    for (name, array, bytes) in &stored {
        let view = TensorView::new(dtype, array.shape.clone(), bytes)
            .map_err(TrainError::content(path, "cannot hold a tensor"))?;
        views.push((name.as_str(), view));
    }
    let metadata: HashMap<String, String> = metadata
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect();
    let file = serialize(views, Some(metadata))
        .map_err(TrainError::content(path, "cannot be serialised"))?;
    let file =
        with_sorted_header(&file).map_err(TrainError::content(path, "cannot be serialised"))?;
    atomic::write(path, &file)
}

/// The same file with the header's keys in order: `serialize` writes metadata in the order of a
/// hash map, which changes from run to run, and so would the file's hash.
fn with_sorted_header(file: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    /// Bytes of the header's length, and what the header is padded to a multiple of.
    const WORD: usize = 8;
    let (length, rest) = file.split_at(WORD);
    let length = length
        .iter()
        .rev()
        .fold(0, |sum, &b| sum << 8 | usize::from(b));
    let (header, data) = rest.split_at(length);
    let header: BTreeMap<String, serde_json::Value> = serde_json::from_slice(header)?;
    let mut sorted = BTreeMap::new();
    for (key, value) in header {
        let fields: BTreeMap<String, serde_json::Value> = serde_json::from_value(value)?;
        sorted.insert(key, fields);
    }
    let mut text = serde_json::to_vec(&sorted)?;
    text.resize(text.len().next_multiple_of(WORD), b' ');
    let mut out = (text.len() as u64).to_le_bytes().to_vec();
    out.extend_from_slice(&text);
    out.extend_from_slice(data);
    Ok(out)
}

/// Reads every tensor of a checkpoint as f32, and the texts beside them, which only safetensors has.
/// What a PyTorch file holds beside floating-point numbers is passed over.
pub(crate) fn read(path: &Path) -> Result<(State, HashMap<String, String>), TrainError> {
    let mut checkpoint = Checkpoint::open(path)?;
    let names: Vec<String> = checkpoint
        .shapes()
        .map(|(name, _)| name.to_owned())
        .collect();
    let mut state = State::new();
    for name in names {
        if checkpoint.kind() == Kind::PyTorch && !checkpoint.is_float(&name) {
            continue;
        }
        if let Some(mimlet_checkpoint::Array { shape, values }) = checkpoint.read(&name)? {
            state.insert(name, Array { shape, values });
        }
    }
    if state.is_empty() {
        return Err(TrainError::Content {
            path: path.to_owned(),
            reason: "holds no floating-point tensors; is it a model's checkpoint?".into(),
        });
    }
    Ok((state, checkpoint.all_metadata().clone()))
}

/// Three numbers as metadata text.
pub(crate) fn join(values: &[f32; 3]) -> String {
    values.map(|value| value.to_string()).join(",")
}

/// The inverse of [`join`].
pub(crate) fn split(text: &str) -> Option<[f32; 3]> {
    let numbers: Result<Vec<f32>, _> = text.split(',').map(str::parse).collect();
    numbers.ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_contents_give_equal_bytes_that_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let array = |values: &[f32]| Array {
            shape: vec![values.len()],
            values: values.to_vec(),
        };
        let state: State = [("b", array(&[1.5, -2.25])), ("a", array(&[0.1]))]
            .map(|(name, array)| (name.to_owned(), array))
            .into();
        let keys = [
            "mean",
            "std",
            "licence",
            "image_size",
            "resize",
            "patch_size",
        ];
        let metadata: BTreeMap<&str, String> = keys.map(|key| (key, key.repeat(2))).into();
        let path = |name: &str| folder.path().join(name);
        let bytes_of = |name: &str| {
            write(&path(name), &state, &metadata, Precision::F32).unwrap();
            std::fs::read(path(name)).unwrap()
        };
        // Each hash map has its own order: eight agreeing by chance is one in 6!^7.
        let first = bytes_of("0");
        assert!((1..8).all(|i| bytes_of(&i.to_string()) == first));
        let (read_state, read_metadata) = read(&path("0")).unwrap();
        assert_eq!(read_state, state);
        assert_eq!(read_metadata["std"], "stdstd");
        write(&path("half"), &state, &metadata, Precision::F16).unwrap();
        let (rounded, _) = read(&path("half")).unwrap();
        assert_eq!(rounded["b"], state["b"]);
        assert!((rounded["a"].values[0] - 0.1).abs() < 1e-4);
    }

    #[test]
    fn what_is_no_safetensors_file_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut.safetensors");
        std::fs::write(&path, [9, 0, 0]).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("cut.safetensors"), "{error}");
    }
}
