//! Where a system keeps programs and libraries.

use std::fs;
use std::path::{Path, PathBuf};

/// A program on the search path.
pub(super) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// The folders that hold libraries: the system's, one folder below them, and the environment's.
pub(super) fn library_folders() -> Vec<PathBuf> {
    let system = ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64"].map(PathBuf::from);
    let named = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let mut below: Vec<_> = system.iter().flat_map(|folder| entries(folder)).collect();
    below.extend(std::env::split_paths(&named));
    system.into_iter().chain(below).collect()
}

/// What lies in a folder, in order.
pub(super) fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The last part of a path.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
