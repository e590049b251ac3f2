//! Files of `torch.save` before PyTorch 1.6: pickles in a row, then the storages.

use super::archive::of_places;
use super::pickle::{Machine, Object};
use super::weights::weights;
use super::{MAX_PICKLE, wrong};
use crate::CheckpointError;
use crate::checkpoint::Checkpoint;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// The first pickle, `0x1950a86a20f9469cfc6c`, as it is written.
const MAGIC: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
/// The second pickle: the layout's version.
const VERSION: i64 = 1001;

/// Opens a file that starts with a pickle.
pub(crate) fn open(path: &Path, mut file: File, len: u64) -> Result<Checkpoint, CheckpointError> {
    let mut bytes = Vec::new();
    (&mut file)
        .take(MAX_PICKLE)
        .read_to_end(&mut bytes)
        .map_err(CheckpointError::io(path))?;
    if bytes.get(2..2 + MAGIC.len()) != Some(MAGIC) {
        let reason = "it is a bare pickle, not a file of torch.save; save a state_dict with it";
        return Err(wrong(path, reason));
    }
    let mut machine = Machine::new(&bytes);
    let mut next = || machine.load().map_err(|reason| wrong(path, reason));
    let (_magic, version, _system, root, keys) = (next()?, next()?, next()?, next()?, next()?);
    if machine.int(version) != Some(VERSION) {
        return Err(wrong(
            path,
            "its layout's version is not 1001; save it again",
        ));
    }
    let weights = weights(&machine, root).map_err(|reason| wrong(path, reason))?;
    let places = places(path, &machine, keys, &mut file, len)?;
    of_places(path, file, weights, &places)
}

/// Where each storage's numbers are: behind the pickles, each after its count, in the keys' order.
fn places(
    path: &Path,
    machine: &Machine<'_>,
    keys: super::pickle::Id,
    file: &mut File,
    len: u64,
) -> Result<HashMap<String, (u64, u64)>, CheckpointError> {
    let sizes: HashMap<&str, usize> = machine
        .storages
        .iter()
        .map(|storage| (storage.key.as_str(), storage.number.size()))
        .collect();
    let mut places = HashMap::new();
    let mut at = machine.at as u64;
    for &key in machine.row(keys).unwrap_or(&[]) {
        let key = match machine.object(key) {
            Object::Text(key) => key.clone(),
            Object::Int(key) => key.to_string(),
            _ => {
                return Err(wrong(
                    path,
                    "its list of storages has a key that is no text",
                ));
            }
        };
        let mut count = [0; 8];
        file.seek(SeekFrom::Start(at))
            .and_then(|_| file.read_exact(&mut count))
            .map_err(|_| wrong(path, "it ends before its storages do"))?;
        let size = *sizes.get(key.as_str()).unwrap_or(&0) as u64;
        let bytes = u64::from_le_bytes(count).checked_mul(size);
        let end = bytes.and_then(|bytes| bytes.checked_add(at + 8));
        let Some((bytes, end)) = bytes.zip(end).filter(|(_, end)| *end <= len) else {
            return Err(wrong(
                path,
                format!("storage {key} reaches beyond the file"),
            ));
        };
        places.insert(key, (at + 8, bytes));
        at = end;
    }
    Ok(places)
}
