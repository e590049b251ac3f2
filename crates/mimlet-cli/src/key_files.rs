//! Files of keys: a secret one that only its owner can read, and the public one beside it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use mimlet_format::{KeyError, PublicKey, SecretKey};

use crate::error::Error;

/// More bytes than any key's file has.
const TOO_LONG: u64 = 4096;

/// Writes a pair, the public key to `path` with `.pub` appended, and returns where that is. Neither
/// replaces a file, and unless both are written neither is.
///
/// # Errors
/// A file is there already, or cannot be written.
pub(crate) fn write_pair(path: &Path, key: &SecretKey) -> Result<PathBuf, Error> {
    let public = public_path(path);
    // Not beside and renamed: a rename would replace a key that came there meanwhile.
    create(path, &key.to_text(), true).map_err(|error| refuse(path, &error))?;
    if let Err(error) = create(&public, &key.public().to_text(), false) {
        let _ = fs::remove_file(path);
        return Err(refuse(&public, &error));
    }
    Ok(public)
}

/// Reads a secret key.
///
/// # Errors
/// The file cannot be read or holds none.
pub(crate) fn read_secret(path: &Path) -> Result<SecretKey, Error> {
    read(path, SecretKey::from_text)
}

/// Reads a public key.
///
/// # Errors
/// The file cannot be read or holds none.
pub(crate) fn read_public(path: &Path) -> Result<PublicKey, Error> {
    read(path, PublicKey::from_text)
}

fn read<K>(path: &Path, parse: fn(&str) -> Result<K, KeyError>) -> Result<K, Error> {
    let cannot = |error: io::Error| Error::file(path, format_args!("cannot be read: {error}"));
    let metadata = fs::metadata(path).map_err(cannot)?;
    if !metadata.is_file() || metadata.len() > TOO_LONG {
        return Err(Error::file(path, KeyError::NotAKey));
    }
    let bytes = fs::read(path).map_err(cannot)?;
    let text = String::from_utf8(bytes).map_err(|_| Error::file(path, KeyError::NotAKey))?;
    parse(&text).map_err(|error| Error::file(path, error))
}

fn public_path(path: &Path) -> PathBuf {
    let mut name: OsString = path.into();
    name.push(".pub");
    name.into()
}

/// Writes a file that was not there; on failure it is not there again.
fn create(path: &Path, text: &str, secret: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    if secret {
        for_owner_only(&mut options);
    }
    let file = options.open(path)?;
    let written = write_and_close(file, text);
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

fn write_and_close(mut file: File, text: &str) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// From its first moment nobody else can open the file.
#[cfg(unix)]
fn for_owner_only(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

/// Windows: the folder's own permissions hold, which in a user's profile are the user's.
#[cfg(not(unix))]
fn for_owner_only(_: &mut OpenOptions) {}

fn refuse(path: &Path, error: &io::Error) -> Error {
    let mend = match error.kind() {
        ErrorKind::AlreadyExists => {
            "is there already: keys are never replaced, choose another path"
        }
        ErrorKind::NotFound => "cannot be written: make its folder first",
        ErrorKind::NotADirectory => "cannot be written: part of its path is a file; choose another",
        _ => return Error::file(path, format_args!("cannot be written: {error}")),
    };
    Error::file(path, mend)
}
