//! A file to write, known to be writable before the work that fills it begins.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process;

use mimlet_format::{write_atomically, write_atomically_unflushed};

use crate::error::Error;

/// A file to be written at the end, beside first and then renamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination(PathBuf);

impl Destination {
    /// Makes sure that the file can be written: its folder exists and takes new files.
    ///
    /// # Errors
    /// A line naming the path and what to do.
    pub(crate) fn new(path: &Path) -> Result<Self, Error> {
        if path.is_dir() || path.file_name().is_none() {
            return Err(Error::file(path, "is a folder; name a file to write"));
        }
        let probe = path.with_file_name(format!(".mimlet-{}.probe", process::id()));
        let made = OpenOptions::new().write(true).create_new(true).open(&probe);
        made.and_then(|_| fs::remove_file(&probe))
            .map_err(|error| refuse(path, &error))?;
        Ok(Self(path.to_path_buf()))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes the file: whole, or not at all.
    ///
    /// # Errors
    /// A line naming the path and what the system said.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        write_atomically(&self.0, bytes).map_err(|error| refuse(&self.0, &error))
    }

    /// Writes the file anew, whole or not at all, without waiting for the disk: for a picture that the
    /// next one replaces.
    ///
    /// # Errors
    /// As of [`Self::write`].
    pub(crate) fn show(&self, bytes: &[u8]) -> Result<(), Error> {
        write_atomically_unflushed(&self.0, bytes).map_err(|error| refuse(&self.0, &error))
    }
}

fn refuse(path: &Path, error: &io::Error) -> Error {
    let mend = match error.kind() {
        ErrorKind::NotFound => "make its folder first".to_string(),
        ErrorKind::NotADirectory => "part of its path is a file; choose another".to_string(),
        _ => format!("{error}; choose another path"),
    };
    Error::file(path, format_args!("cannot be written: {mend}"))
}
