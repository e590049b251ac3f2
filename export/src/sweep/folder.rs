//! The folder a sweep leaves its files in.

use super::Sweep;
use crate::ExportError;
use mimlet_format::write_atomically;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The data, read by [`pick`](super::pick).
pub(super) const DATA: &str = "sweep.json";
const PAGE: &str = "sweep.html";
const PICTURE: &str = "pareto.svg";

/// A folder that holds a sweep and nothing else.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// What the files of the model are called before their candidate's name.
    stem: String,
}

impl Folder {
    /// Makes the folder, or takes one that is empty or of an earlier sweep. The data of an earlier
    /// one is removed first: what it says would soon be false.
    pub(super) fn prepare(path: &Path, model: &str) -> Result<Self, ExportError> {
        let folder = Self {
            path: path.to_owned(),
            stem: stem(model),
        };
        match fs::create_dir(path) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let reason = "cannot be made: make the folder above it first";
                return Err(ExportError::content(path, reason));
            }
            Err(error) => return Err(ExportError::writing(path)(error)),
        }
        let mut files = fs::read_dir(path).map_err(ExportError::io(path))?;
        let data = path.join(DATA);
        if data.is_file() {
            fs::remove_file(&data).map_err(ExportError::writing(&data))?;
        } else if files.next().is_some() {
            let reason = "is not empty and holds no earlier sweep; name a new folder";
            return Err(ExportError::content(path, reason));
        }
        Ok(folder)
    }

    /// Writes a candidate's file with this ending; its name.
    pub(super) fn write(
        &self,
        candidate: &str,
        ending: &str,
        bytes: &[u8],
    ) -> Result<String, ExportError> {
        let name = self.name(candidate, ending);
        self.put(&name, bytes)?;
        Ok(name)
    }

    /// Removes what an earlier sweep may have left of a candidate.
    pub(super) fn clear(&self, candidate: &str) -> Result<(), ExportError> {
        for ending in ["mim", "html"] {
            let path = self.path.join(self.name(candidate, ending));
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(ExportError::writing(&path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes what compares the candidates; the data last.
    pub(super) fn finish(&self, sweep: &Sweep) -> Result<(), ExportError> {
        self.put(PAGE, sweep.to_html().as_bytes())?;
        self.put(PICTURE, sweep.to_svg().as_bytes())?;
        let data = serde_json::to_string_pretty(sweep)
            .map_err(|error| ExportError::content(&self.path.join(DATA), error.to_string()))?;
        self.put(DATA, (data + "\n").as_bytes())
    }

    /// Where a file of this name is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn name(&self, candidate: &str, ending: &str) -> String {
        format!("{}.{candidate}.{ending}", self.stem)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let path = self.path(name);
        write_atomically(&path, bytes).map_err(ExportError::writing(&path))
    }
}

/// A model's name as a file's: letters, digits, `-`, `_` and dots inside.
fn stem(model: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = model
        .chars()
        .map(|c| if plain(c) { c } else { '-' })
        .collect();
    let name: String = name.trim_matches(['.', '-']).chars().take(80).collect();
    if name.is_empty() {
        "model".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::stem;

    #[test]
    fn a_name_stays_in_the_folder() {
        assert_eq!(stem("shapes-tiny"), "shapes-tiny");
        assert_eq!(stem("../../etc/passwd"), "etc-passwd");
        assert_eq!(stem("a/b\\c:d\0"), "a-b-c-d");
        assert_eq!(stem(".."), "model");
    }
}
