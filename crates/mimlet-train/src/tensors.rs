//! Safetensors files of named arrays and metadata strings.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use half::f16;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

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

/// Writes `state` and `metadata`, whole or not at all.
pub(crate) fn write(
    path: &Path,
    state: &State,
    metadata: &BTreeMap<&str, String>,
    precision: Precision,
) -> Result<(), TrainError> {
    let (dtype, bytes): (Dtype, fn(&[f32]) -> Vec<u8>) = match precision {
        Precision::F32 => (Dtype::F32, |values| {
            values.iter().flat_map(|v| v.to_le_bytes()).collect()
        }),
        Precision::F16 => (Dtype::F16, |values| {
            let rounded = values.iter().map(|&v| f16::from_f32(v));
            rounded.flat_map(f16::to_le_bytes).collect()
        }),
    };
    let stored: Vec<(&String, &Array, Vec<u8>)> = state
        .iter()
        .map(|(name, array)| (name, array, bytes(&array.values)))
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
    atomic::write(path, &file)
}

/// Reads every f32 and f16 tensor, widened to f32, and the metadata.
pub(crate) fn read(path: &Path) -> Result<(State, HashMap<String, String>), TrainError> {
    let bytes = std::fs::read(path).map_err(TrainError::io(path, "read"))?;
    let wrong = TrainError::content(path, "not a safetensors file");
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(wrong)?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let wrong = TrainError::content(path, "not a safetensors file");
    let file = SafeTensors::deserialize(&bytes).map_err(wrong)?;
    let mut state = State::new();
    for (name, view) in file.tensors() {
        let values = match view.dtype() {
            Dtype::F32 => view
                .data()
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect(),
            Dtype::F16 => view
                .data()
                .chunks_exact(2)
                .map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32())
                .collect(),
            other => {
                return Err(TrainError::Content {
                    path: path.to_owned(),
                    reason: format!("{name} is {other:?}; only F32 and F16 can be read"),
                });
            }
        };
        let shape = view.shape().to_vec();
        state.insert(name, Array { shape, values });
    }
    Ok((state, metadata))
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
