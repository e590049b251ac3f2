//! Weights in files beside an ONNX model.

use crate::CheckpointError;
use crate::checkpoint::Checkpoint;
use std::fs::File;
use std::path::Path;

/// Where a tensor's bytes are: which of the checkpoint's files, from where, how many.
pub(super) type Extent = (usize, u64, u64);

/// Finds a tensor's bytes in a file beside the model, which is opened at its first mention.
pub(super) fn locate(
    checkpoint: &mut Checkpoint,
    model: &Path,
    tensor: &str,
    entries: &[(String, String)],
) -> Result<Extent, CheckpointError> {
    let value = |key: &str| {
        let entry = entries.iter().find(|(name, _)| name == key);
        entry.map(|(_, value)| value.as_str())
    };
    let refuse = |what: String| {
        let reason = format!("tensor {tensor} lies outside the model: {what}");
        CheckpointError::content(model, reason)
    };
    let number = |key: &str| match value(key).map(str::parse::<u64>) {
        None => Ok(None),
        Some(Ok(number)) => Ok(Some(number)),
        Some(Err(_)) => Err(refuse(format!("its {key} is no number"))),
    };
    let location = value("location").unwrap_or_default();
    let plain = Path::new(location)
        .file_name()
        .and_then(|name| name.to_str());
    if location.is_empty() || plain != Some(location) {
        return Err(refuse(format!(
            "its location {location:?} is not the name of a file beside it; save the model with its \
             weights in one file, or in one beside it"
        )));
    }
    let path = model.with_file_name(location);
    if !is_beside(model, &path) {
        return Err(refuse(format!(
            "{location:?} is not there, or a link out of the folder"
        )));
    }
    let known = checkpoint.files.iter().position(|(file, _)| *file == path);
    let index = match known {
        Some(index) => index,
        None => {
            let file = File::open(&path).map_err(CheckpointError::io(&path))?;
            checkpoint.files.push((path.clone(), file));
            checkpoint.files.len() - 1
        }
    };
    let len = checkpoint.files[index].1.metadata();
    let len = len.map_err(CheckpointError::io(&path))?.len();
    let offset = number("offset")?.unwrap_or(0);
    let bytes = number("length")?.unwrap_or(len.saturating_sub(offset));
    match offset.checked_add(bytes) {
        Some(end) if end <= len => Ok((index, offset, bytes)),
        _ => Err(refuse(format!(
            "bytes {offset} and the {bytes} after it reach beyond {location:?}, which has {len}"
        ))),
    }
}

/// Whether two files, links followed, are in one folder.
fn is_beside(model: &Path, path: &Path) -> bool {
    let folder = |path: &Path| Some(path.canonicalize().ok()?.parent()?.to_owned());
    path.is_file() && folder(model).is_some() && folder(model) == folder(path)
}
