//! A safetensors file, read a tensor at a time so that no more than the wanted ones is ever held.

use crate::ExportError;
use half::{bf16, f16};
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Longest header that is read, bytes. The largest published checkpoints stay far below.
const MAX_HEADER: u64 = 16 << 20;

/// An open file whose header has been checked: tensors in bounds, without hole or overlap.
#[derive(Debug)]
pub(crate) struct SafetensorsFile {
    path: PathBuf,
    file: File,
    /// Where the tensors' bytes start.
    start: u64,
    tensors: BTreeMap<String, TensorInfo>,
    metadata: HashMap<String, String>,
}

/// An array as a checkpoint holds it, widened to f32.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

impl SafetensorsFile {
    /// Opens a file and checks its header against its length.
    pub(crate) fn open(path: &Path) -> Result<Self, ExportError> {
        let mut file = File::open(path).map_err(ExportError::io(path))?;
        let status = file.metadata().map_err(ExportError::io(path))?;
        if !status.is_file() {
            return Err(ExportError::content(
                path,
                "is a folder; name a .safetensors file in it with timm's or MAE's tensor names",
            ));
        }
        let (start, header) = read_header(path, &mut file, status.len())?;
        let infos = header.tensors();
        let end = infos.values().map(|info| info.data_offsets.1).max();
        if start + end.unwrap_or(0) as u64 != status.len() {
            return Err(wrong(
                path,
                "its tensors do not fill it: it is truncated or has been added to",
            ));
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            start,
            tensors: infos
                .into_iter()
                .map(|(name, info)| (name, info.clone()))
                .collect(),
            metadata: header.metadata().clone().unwrap_or_default(),
        })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Every tensor's name and shape, by name.
    pub(crate) fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        let tensors = self.tensors.iter();
        tensors.map(|(name, info)| (name.as_str(), info.shape.as_slice()))
    }

    /// A tensor's shape.
    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|info| info.shape.as_slice())
    }

    /// A text beside the tensors.
    pub(crate) fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// A text beside the tensors, as a number or whatever else is parsed from it.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, key: &str) -> Result<Option<T>, ExportError> {
        let parse = |text: &str| {
            let reason = format!("its metadata {key} is {text:?}, which is no number");
            text.trim()
                .parse()
                .map_err(|_| ExportError::content(&self.path, reason))
        };
        self.metadata(key).map(parse).transpose()
    }

    /// Three numbers, one per colour, separated by commas.
    pub(crate) fn colours(&self, key: &str) -> Result<Option<[f32; 3]>, ExportError> {
        let parse = |text: &str| {
            let numbers: Result<Vec<f32>, _> = text.split(',').map(|n| n.trim().parse()).collect();
            let numbers = numbers.ok().and_then(|n| <[f32; 3]>::try_from(n).ok());
            let reason = format!("its metadata {key} is {text:?}, not three numbers");
            numbers.ok_or_else(|| ExportError::content(&self.path, reason))
        };
        self.metadata(key).map(parse).transpose()
    }

    /// Reads a tensor, widened to f32. `None` when there is none of the name.
    pub(crate) fn read(&mut self, name: &str) -> Result<Option<Array>, ExportError> {
        let Some(info) = self.tensors.get(name) else {
            return Ok(None);
        };
        let (from, to) = info.data_offsets;
        let widen: fn(&[u8]) -> Vec<f32> = match info.dtype {
            Dtype::F32 => |bytes| numbers(bytes, f32::from_le_bytes),
            Dtype::F16 => |bytes| numbers(bytes, |b| f16::from_le_bytes(b).to_f32()),
            Dtype::BF16 => |bytes| numbers(bytes, |b| bf16::from_le_bytes(b).to_f32()),
            other => {
                return Err(ExportError::WrongDType {
                    path: self.path.clone(),
                    name: name.to_owned(),
                    found: other.to_string(),
                });
            }
        };
        // The header's check found the tensor inside the file: this allocates no more than that.
        let mut bytes = vec![0; to - from];
        self.file
            .seek(SeekFrom::Start(self.start + from as u64))
            .and_then(|_| self.file.read_exact(&mut bytes))
            .map_err(ExportError::io(&self.path))?;
        Ok(Some(Array {
            shape: info.shape.clone(),
            values: widen(&bytes),
        }))
    }

    /// BLAKE3 of the whole file.
    pub(crate) fn hash(&mut self) -> Result<[u8; 32], ExportError> {
        let mut hasher = blake3::Hasher::new();
        self.file
            .seek(SeekFrom::Start(0))
            .and_then(|_| hasher.update_reader(&mut self.file).map(|_| ()))
            .map_err(ExportError::io(&self.path))?;
        Ok(hasher.finalize().into())
    }
}

/// The header, and where it ends. Its tensors are contiguous from 0; how far they reach is not
/// checked.
fn read_header(path: &Path, file: &mut File, len: u64) -> Result<(u64, Metadata), ExportError> {
    let mut prefix = [0; 8];
    if len < prefix.len() as u64 {
        return Err(wrong(path, "it is shorter than 8 bytes"));
    }
    file.read_exact(&mut prefix)
        .map_err(ExportError::io(path))?;
    let header_len = u64::from_le_bytes(prefix);
    if header_len > MAX_HEADER || header_len > len - prefix.len() as u64 {
        let reason = if prefix.starts_with(b"PK\x03\x04") {
            "it looks like a PyTorch checkpoint; save its state_dict with safetensors first".into()
        } else {
            format!("its header would be {header_len} bytes long")
        };
        return Err(wrong(path, &reason));
    }
    let mut header = vec![0; header_len as usize];
    file.read_exact(&mut header)
        .map_err(ExportError::io(path))?;
    let metadata = serde_json::from_slice(&header)
        .map_err(|error| wrong(path, &format!("its header is unusable: {error}")))?;
    Ok((prefix.len() as u64 + header_len, metadata))
}

fn wrong(path: &Path, reason: &str) -> ExportError {
    ExportError::content(path, format!("not a safetensors file: {reason}"))
}

/// Numbers of `N` bytes each.
fn numbers<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes
        .as_chunks::<N>()
        .0
        .iter()
        .map(|b| number(*b))
        .collect()
}
