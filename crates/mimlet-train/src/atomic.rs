//! Files appear whole or not at all.

use std::path::Path;

use crate::error::TrainError;

/// Writes beside `path`, then renames, so a reader or a crash never meets half a file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(TrainError::io(folder, "create"))?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = path.with_file_name(name);
    std::fs::write(&partial, bytes).map_err(TrainError::io(&partial, "write"))?;
    std::fs::rename(&partial, path).map_err(TrainError::io(path, "replace"))
}
