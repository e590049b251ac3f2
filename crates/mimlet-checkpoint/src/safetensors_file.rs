//! Safetensors: a length, a header in JSON, numbers.

use crate::checkpoint::{Checkpoint, Entry, Place};
use crate::{CheckpointError, numbers::Number};
use safetensors::tensor::{Dtype, Metadata};
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Longest header that is read, bytes. The largest published checkpoints stay far below.
const MAX_HEADER: u64 = 16 << 20;

/// Adds a file's tensors, in bounds and without hole or overlap, and returns the texts beside them.
pub(crate) fn add(
    checkpoint: &mut Checkpoint,
    path: &Path,
) -> Result<HashMap<String, String>, CheckpointError> {
    let mut file = File::open(path).map_err(CheckpointError::io(path))?;
    let len = file.metadata().map_err(CheckpointError::io(path))?.len();
    let (start, header) = read_header(path, &mut file, len)?;
    let infos = header.tensors();
    let end = infos.values().map(|info| info.data_offsets.1).max();
    if start + end.unwrap_or(0) as u64 != len {
        return Err(wrong(
            path,
            "its tensors do not fill it: it is truncated or has been added to",
        ));
    }
    let index = checkpoint.files.len();
    for (name, info) in infos {
        let (from, to) = info.data_offsets;
        let entry = Entry {
            number: number(info.dtype, to - from, info.shape.iter().product()),
            shape: info.shape.clone(),
            place: Place::At {
                file: index,
                offset: start + from as u64,
                strides: None,
            },
        };
        if checkpoint.entries.insert(name.clone(), entry).is_some() {
            let reason = format!("tensor {name} is in another file of the checkpoint too");
            return Err(CheckpointError::content(path, reason));
        }
    }
    checkpoint.files.push((path.to_owned(), file));
    Ok(header.metadata().clone().unwrap_or_default())
}

fn number(dtype: Dtype, bytes: usize, count: usize) -> Number {
    match dtype {
        Dtype::F64 => Number::F64,
        Dtype::F32 => Number::F32,
        Dtype::F16 => Number::F16,
        Dtype::BF16 => Number::BF16,
        other => Number::Other(other.to_string(), bytes / count.max(1)),
    }
}

/// The header, and where it ends. Its tensors are contiguous from 0; how far they reach is not
/// checked.
fn read_header(path: &Path, file: &mut File, len: u64) -> Result<(u64, Metadata), CheckpointError> {
    let mut prefix = [0; 8];
    if len < prefix.len() as u64 {
        return Err(wrong(path, "it is shorter than 8 bytes"));
    }
    file.read_exact(&mut prefix)
        .map_err(CheckpointError::io(path))?;
    let header_len = u64::from_le_bytes(prefix);
    if header_len > MAX_HEADER || header_len > len - prefix.len() as u64 {
        let reason = format!(
            "its header would be {header_len} bytes long; .safetensors, PyTorch's .pth, .npy and \
             .onnx are read"
        );
        return Err(wrong(path, &reason));
    }
    let mut header = vec![0; header_len as usize];
    file.read_exact(&mut header)
        .map_err(CheckpointError::io(path))?;
    let metadata = serde_json::from_slice(&header)
        .map_err(|error| wrong(path, &format!("its header is unusable: {error}")))?;
    Ok((prefix.len() as u64 + header_len, metadata))
}

fn wrong(path: &Path, reason: &str) -> CheckpointError {
    CheckpointError::content(path, format!("not a safetensors file: {reason}"))
}
