//! A file that appears whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// A file that is written beside its path and takes the path's name when it is whole. Dropped
/// before, it is removed.
#[derive(Debug)]
pub(crate) struct PartialFile {
    file: File,
    beside: PathBuf,
    path: PathBuf,
    whole: bool,
}

impl PartialFile {
    /// Starts a new file beside `path`.
    ///
    /// # Errors
    /// When the system refuses, or `path` names no file.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        /// Tells apart the files of one process.
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let Some(name) = path.file_name() else {
            let message = "it names no file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        };
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}-{count}.part", process::id()));
        // In the same folder, so that the rename stays on one file system.
        let beside = path.with_file_name(hidden);
        Ok(Self {
            file: OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&beside)?,
            beside,
            path: path.to_owned(),
            whole: false,
        })
    }

    /// The file is whole: gives it its name. Returns its bytes.
    ///
    /// # Errors
    /// When the system refuses; there is no file then.
    pub(crate) fn commit(mut self) -> io::Result<u64> {
        self.file.sync_all()?;
        let bytes = self.file.metadata()?.len();
        fs::rename(&self.beside, &self.path)?;
        self.whole = true;
        Ok(bytes)
    }
}

impl Write for PartialFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.whole {
            // What made the work end is what is reported; this could only add to it.
            let _ = fs::remove_file(&self.beside);
        }
    }
}
