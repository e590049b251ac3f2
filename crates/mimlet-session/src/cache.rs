//! Verdicts of earlier starts, each in a small file named after what it depends on.
//!
//! A file is [`MAGIC`], the version as u16 little-endian, BLAKE3 of the rest, then one postcard record
//! of the key and the [`Trial`]. Whatever is not exactly that is no verdict: the trial runs anew and
//! the file is replaced.

use crate::CODE_HASH;
use crate::rung::Rung;
use crate::trial::Trial;
use mimlet_format::{Model, write_atomically};
use serde::{Deserialize, Serialize};
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"mimverd\n";
const VERSION: u16 = 1;
/// Where the record starts: after magic, version and checksum.
const RECORD: usize = MAGIC.len() + 2 + blake3::OUT_LEN;

/// What a verdict depends on: the file's content, the rung's identity, this runtime's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictKey([u8; 32]);

impl VerdictKey {
    /// The key of a model on a rung, run by this program.
    #[must_use]
    pub fn new(model: &Model<'_>, rung: &dyn Rung) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("mimlet verdict of a model on a device 1");
        let identity = rung.identity();
        for part in [&model.hash()[..], identity.as_bytes(), CODE_HASH.as_bytes()] {
            // Lengths keep neighbours from running into each other.
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(*hasher.finalize().as_bytes())
    }
}

/// A folder of verdicts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictCache {
    folder: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
struct Record {
    key: VerdictKey,
    trial: Trial,
}

impl VerdictCache {
    /// The verdicts of this user: in the folder `verdicts` of [`cache_folder`]. Without one nothing is
    /// cached.
    #[must_use]
    pub fn of_user() -> Self {
        Self {
            folder: cache_folder().map(|folder| folder.join("verdicts")),
        }
    }

    /// The verdicts in a folder, which is made when the first is written.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: Some(folder.into()),
        }
    }

    /// No cache: every start asks anew.
    #[must_use]
    pub fn none() -> Self {
        Self { folder: None }
    }

    /// The trial of a key, when there is one and it is whole.
    #[must_use]
    pub fn find(&self, key: &VerdictKey) -> Option<Trial> {
        let bytes = fs::read(self.path(key)?).ok()?;
        let record = bytes.get(RECORD..)?;
        if bytes[..RECORD] != head(record) {
            return None;
        }
        let record: Record = postcard::from_bytes(record).ok()?;
        (record.key == *key).then_some(record.trial)
    }

    /// Keeps a trial.
    ///
    /// # Errors
    /// Whatever the system says; a session goes on without.
    pub fn keep(&self, key: &VerdictKey, trial: &Trial) -> io::Result<()> {
        let Some(path) = self.path(key) else {
            return Ok(());
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let record = Record {
            key: *key,
            trial: trial.clone(),
        };
        let record = postcard::to_allocvec(&record).map_err(io::Error::other)?;
        let mut bytes = head(&record).to_vec();
        bytes.extend(record);
        write_atomically(path, &bytes)
    }

    /// The folder; `None` when nothing is cached.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    fn path(&self, key: &VerdictKey) -> Option<PathBuf> {
        let name = blake3::Hash::from_bytes(key.0).to_hex();
        Some(self.folder.as_ref()?.join(format!("{name}.verdict")))
    }
}

/// Where this user's verdicts, and the kernels that were found fastest, are kept: `$MIMLET_CACHE`,
/// `$XDG_CACHE_HOME/mimlet`, `%LOCALAPPDATA%\mimlet` or `~/.cache/mimlet`; `None` without any of them.
#[must_use]
pub fn cache_folder() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    if let Some(own) = set("MIMLET_CACHE") {
        return Some(own.into());
    }
    let users = set("XDG_CACHE_HOME").or_else(|| set("LOCALAPPDATA"));
    let users = users.map(PathBuf::from);
    let users = users.or_else(|| Some(PathBuf::from(set("HOME")?).join(".cache")));
    users.map(|users| users.join("mimlet"))
}

/// What comes before a record.
fn head(record: &[u8]) -> [u8; RECORD] {
    let mut head = [0; RECORD];
    head[..MAGIC.len()].copy_from_slice(&MAGIC);
    head[MAGIC.len()..MAGIC.len() + 2].copy_from_slice(&VERSION.to_le_bytes());
    head[MAGIC.len() + 2..].copy_from_slice(blake3::hash(record).as_bytes());
    head
}
