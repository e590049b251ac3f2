//! Files on disk: opening through a memory map, and writing so that no half file is ever seen.

use crate::model::Checked;
use crate::{AlignedBytes, FormatError, Model};
use memmap2::Mmap;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Why a file could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The system would not let it be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder, a pipe or a device.
    #[error("{}: is not a file: name a .mim file", path.display())]
    NotAFile {
        /// What was named.
        path: PathBuf,
    },
    /// It is no valid `.mim` file.
    #[error("{}: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The rule it breaks.
        source: FormatError,
    },
}

/// A checked `.mim` file with the memory it lies in.
///
/// ```no_run
/// use mimlet_format::ModelFile;
/// let file = ModelFile::open("shapes-tiny.mim")?;
/// let model = file.model();
/// println!("{}", model.manifest().provenance.name);
/// # Ok::<(), mimlet_format::OpenError>(())
/// ```
pub struct ModelFile {
    storage: Storage,
    checked: Checked,
}

enum Storage {
    Mapped(Mmap),
    Owned(AlignedBytes),
}

impl Storage {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl ModelFile {
    /// Maps a file into memory and checks it.
    ///
    /// The file must not be changed while it is open. Replacing it is fine, which is how
    /// [`write_atomically`](crate::write_atomically) writes; changing it in place can change a
    /// model under the encoder's feet, and shortening it ends the process. Where that is to be
    /// feared, read the file and use [`ModelFile::from_bytes`].
    ///
    /// # Errors
    /// The file cannot be read, is no regular file, or breaks a rule of FORMAT.md.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let map = map(path)?;
        Self::check(Storage::Mapped(map)).map_err(|source| OpenError::Format {
            path: path.to_owned(),
            source,
        })
    }

    /// Checks bytes that are in memory already, copying them to where they are aligned.
    ///
    /// # Errors
    /// The first rule of FORMAT.md that the bytes break.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, FormatError> {
        Self::from_aligned(bytes.into())
    }

    /// Checks bytes that are in memory and aligned, such as a writer's.
    ///
    /// # Errors
    /// The first rule of FORMAT.md that the bytes break.
    pub fn from_aligned(bytes: AlignedBytes) -> Result<Self, FormatError> {
        Self::check(Storage::Owned(bytes))
    }

    /// The checked content. Cheap: nothing is checked or copied again.
    pub fn model(&self) -> Model<'_> {
        Model::from_checked(self.storage.bytes(), &self.checked)
    }

    fn check(storage: Storage) -> Result<Self, FormatError> {
        let checked = Model::parse(storage.bytes())?.into_checked();
        Ok(Self { storage, checked })
    }
}

impl fmt::Debug for ModelFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.model().fmt(f)
    }
}

#[allow(
    unsafe_code,
    reason = "a memory map cannot be safe: the system lets others change the file"
)]
fn map(path: &Path) -> Result<Mmap, OpenError> {
    let io_error = |source| OpenError::Io {
        path: path.to_owned(),
        source,
    };
    // Asked of the path first: opening a pipe would wait for its other end.
    if !std::fs::metadata(path).map_err(io_error)?.is_file() {
        return Err(OpenError::NotAFile {
            path: path.to_owned(),
        });
    }
    let file = File::open(path).map_err(io_error)?;
    // SAFETY: the map is private to this process and never written through. That nobody else
    // changes the file while it is mapped is `ModelFile::open`'s stated condition; our own writers
    // keep it by replacing files instead of changing them. Bytes that do change are still only
    // numbers: every type read from the map is valid for any bit pattern, and offsets come from
    // the manifest, which was copied out when it was checked.
    unsafe { Mmap::map(&file) }.map_err(io_error)
}
