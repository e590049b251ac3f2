//! Folders, copied and emptied, with errors that name the file.

use std::fs;
use std::path::{Path, PathBuf};

/// Makes a folder that holds nothing.
pub(super) fn empty(folder: &Path) -> Result<(), String> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| named(folder, &error))?;
    }
    fs::create_dir_all(folder).map_err(|error| named(folder, &error))
}

/// Copies every file of a folder and the folders in it.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), String> {
    for file in files(from)? {
        copy_file(&from.join(&file), &to.join(&file))?;
    }
    Ok(())
}

/// Copies a file to a folder that need not be there yet.
pub(super) fn copy_file(from: &Path, to: &Path) -> Result<(), String> {
    let folder = to.parent().unwrap_or(to);
    fs::create_dir_all(folder).map_err(|error| named(folder, &error))?;
    fs::copy(from, to).map_err(|error| named(from, &error))?;
    Ok(())
}

/// The bytes of a file.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| named(file, &error))
}

/// Writes a file.
pub(super) fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| named(file, &error))
}

/// The files in a folder and the folders in it, relative to it, in order.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(inner) = folders.pop() {
        let at = folder.join(&inner);
        for entry in fs::read_dir(&at).map_err(|error| named(&at, &error))? {
            let entry = entry.map_err(|error| named(&at, &error))?;
            let path = inner.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn named(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
