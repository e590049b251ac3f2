//! PyTorch's zip archives.

use super::pickle::Machine;
use super::weights::{Weights, weights};
use super::{MAX_PICKLE, wrong};
use crate::CheckpointError;
use crate::checkpoint::{Checkpoint, Entry, Kind, Place};
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use zip::{CompressionMethod, ZipArchive};

/// An entry that is stored as it is: where, and how many bytes.
#[derive(Debug, Clone, Copy)]
struct Stored {
    offset: u64,
    len: u64,
}

/// Opens a zip archive of `torch.save`.
pub(crate) fn open(path: &Path, mut file: File, len: u64) -> Result<Checkpoint, CheckpointError> {
    let members = members(path, &file, len)?;
    let pickle = members.iter().find_map(|(name, member)| {
        let prefix = name.strip_suffix("data.pkl")?;
        (prefix.is_empty() || prefix.ends_with('/')).then(|| (prefix.to_owned(), *member))
    });
    let (prefix, pickle) = pickle.ok_or_else(|| {
        wrong(
            path,
            "the zip archive has no data.pkl; is it a PyTorch file?",
        )
    })?;
    if pickle.len > MAX_PICKLE {
        let reason = format!(
            "its pickle is {} bytes long, more than {MAX_PICKLE}",
            pickle.len
        );
        return Err(wrong(path, reason));
    }
    if let Some(order) = members.get(&format!("{prefix}byteorder"))
        && read(path, &mut file, *order, 16)? != b"little"
    {
        let reason = "its numbers are big-endian; save it again on a little-endian machine";
        return Err(wrong(path, reason));
    }
    let bytes = read(path, &mut file, pickle, MAX_PICKLE)?;
    let mut machine = Machine::new(&bytes);
    let root = machine.load().map_err(|reason| wrong(path, reason))?;
    let weights = weights(&machine, root).map_err(|reason| wrong(path, reason))?;
    checkpoint(path, file, weights, |key| {
        members.get(&format!("{prefix}data/{key}")).copied()
    })
}

/// Every entry that is neither compressed nor encrypted and lies in the file.
fn members(path: &Path, file: &File, len: u64) -> Result<HashMap<String, Stored>, CheckpointError> {
    let file = file.try_clone().map_err(CheckpointError::io(path))?;
    let mut archive = ZipArchive::new(file).map_err(|error| wrong(path, error))?;
    let mut members = HashMap::new();
    for index in 0..archive.len() {
        let member = archive
            .by_index_raw(index)
            .map_err(|error| wrong(path, error))?;
        let name = member
            .name()
            .map_err(|error| wrong(path, error))?
            .into_owned();
        let inside = member.data_start().filter(|start| {
            start
                .checked_add(member.size())
                .is_some_and(|end| end <= len)
        });
        let stored = member.compression() == CompressionMethod::Stored
            && member.size() == member.compressed_size()
            && !member.encrypted();
        let Some(offset) = inside.filter(|_| stored) else {
            let reason = format!(
                "the zip archive's {name} is compressed, encrypted or reaches beyond the file; \
                 torch.save stores it as it is, save it again"
            );
            return Err(wrong(path, reason));
        };
        let len = member.size();
        members.insert(name, Stored { offset, len });
    }
    Ok(members)
}

fn read(
    path: &Path,
    file: &mut File,
    stored: Stored,
    max: u64,
) -> Result<Vec<u8>, CheckpointError> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(stored.offset))
        .and_then(|_| file.take(stored.len.min(max)).read_to_end(&mut bytes))
        .map_err(CheckpointError::io(path))?;
    Ok(bytes)
}

/// The tensors over their storages, whose places `find` knows by their keys.
fn checkpoint(
    path: &Path,
    file: File,
    weights: Weights,
    find: impl Fn(&str) -> Option<Stored>,
) -> Result<Checkpoint, CheckpointError> {
    let mut checkpoint = Checkpoint::new(path, Kind::PyTorch);
    for (name, tensor) in weights.tensors {
        let storage = &tensor.storage;
        let size = storage.number.size();
        let found = find(&storage.key);
        let stored = found.filter(|stored| {
            let bytes = storage.len.checked_mul(size);
            bytes.is_some_and(|bytes| bytes as u64 <= stored.len)
        });
        let Some(stored) = stored else {
            let reason = format!(
                "tensor {name} needs storage {} of {} numbers, which is not in the file",
                storage.key, storage.len
            );
            return Err(wrong(path, reason));
        };
        let entry = Entry {
            number: storage.number.clone(),
            place: Place::At {
                file: 0,
                offset: stored.offset + (tensor.offset * size) as u64,
                strides: tensor.strides,
            },
            shape: tensor.shape,
        };
        checkpoint.entries.insert(name, entry);
    }
    checkpoint.files.push((path.to_owned(), file));
    checkpoint.weights_key = weights.key;
    checkpoint.other_keys = weights.others;
    Ok(checkpoint)
}

/// As [`checkpoint`], for storages whose first byte and length in bytes are known.
pub(super) fn of_places(
    path: &Path,
    file: File,
    weights: Weights,
    places: &HashMap<String, (u64, u64)>,
) -> Result<Checkpoint, CheckpointError> {
    checkpoint(path, file, weights, |key| {
        let &(offset, len) = places.get(key)?;
        Some(Stored { offset, len })
    })
}
