//! Writing a file so that its name never stands for half of it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes `bytes` to `path`, replacing what is there: beside it first, then flushed to the disk,
/// then renamed. On failure `path` is as it was and nothing is left beside it. A link at `path` is
/// replaced, not followed.
///
/// # Errors
/// Whatever the system says, such as a missing folder or a full disk; `InvalidInput` when `path`
/// names no file.
pub fn write_atomically(path: impl AsRef<Path>, bytes: &[u8]) -> io::Result<()> {
    write_beside(path.as_ref(), |mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    })
}

/// As [`write_atomically`], but not flushed to the disk, which can take longer than making what is
/// written: whoever reads the file finds it whole, but after a power cut it may be empty. For a file that
/// is written anew all the time.
///
/// # Errors
/// As of [`write_atomically`].
pub fn write_atomically_unflushed(path: impl AsRef<Path>, bytes: &[u8]) -> io::Result<()> {
    write_beside(path.as_ref(), |mut file| file.write_all(bytes))
}

/// `write` closes the file it is given: not every system renames one that is open.
fn write_beside(path: &Path, write: impl FnOnce(File) -> io::Result<()>) -> io::Result<()> {
    let beside = beside(path)?;
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&beside)?;
    let written = write(file).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // The first failure is the one to report; this one could only add that the disk is gone.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// A name in the same folder, so that the rename stays on one file system, and that no other write
/// of this or another process takes.
fn beside(path: &Path) -> io::Result<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let Some(name) = path.file_name() else {
        let message = "path names no file to write";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    };
    let mut hidden = OsString::from(".");
    hidden.push(name);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    hidden.push(format!(".{}-{count}.part", process::id()));
    Ok(path.with_file_name(hidden))
}
