//! Files appear whole or not at all.

use std::fs::File;
use std::io::Write;
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
    let mut file = File::create(&partial).map_err(TrainError::io(&partial, "create"))?;
    // On the disk before it takes the old file's place, so a power cut loses neither.
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(TrainError::io(&partial, "write"))?;
    std::fs::rename(&partial, path).map_err(TrainError::io(path, "replace"))
}
