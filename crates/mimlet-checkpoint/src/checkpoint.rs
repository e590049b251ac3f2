//! Named tensors of one or more files, read one at a time.

use crate::numbers::{Number, count};
use crate::{CheckpointError, folder, npy, pytorch, safetensors_file};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Bytes read at a time: a multiple of every number's size.
const CHUNK: usize = 1 << 16;

/// An array as a checkpoint holds it, in f32.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Its sides, outermost first.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// What a checkpoint is stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A safetensors file, or several with an index.
    Safetensors,
    /// A file of `torch.save`.
    PyTorch,
    /// One array of NumPy's.
    Npy,
    /// An ONNX graph's initialisers.
    Onnx,
}

/// An open checkpoint: its tensors' names, types and shapes are known, all of them inside the files.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    kind: Kind,
    pub(crate) files: Vec<(PathBuf, File)>,
    pub(crate) entries: BTreeMap<String, Entry>,
    metadata: HashMap<String, String>,
    pub(crate) weights_key: Option<String>,
    pub(crate) other_keys: Vec<String>,
}

/// A tensor: what it is and where its numbers are.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) number: Number,
    pub(crate) shape: Vec<usize>,
    pub(crate) place: Place,
}

/// Where a tensor's numbers are.
#[derive(Debug)]
pub(crate) enum Place {
    /// In one of the files.
    At {
        /// Which file.
        file: usize,
        /// Byte of the first number.
        offset: u64,
        /// Numbers from one index to the next along each side; `None` for row-major.
        strides: Option<Vec<usize>>,
    },
    /// In memory, because the file's own encoding of it is no array of numbers.
    #[cfg(feature = "onnx")]
    Held(Vec<f32>),
}

impl Checkpoint {
    /// Opens a checkpoint: a file, whose kind is told from its first bytes (ONNX, which has no mark
    /// of its own, from its name), or a folder as Hugging Face lays it out.
    ///
    /// Of a PyTorch file that nests its weights (`model`, `state_dict`, `teacher`, ...) the tensors are
    /// those of the weights: see [`Checkpoint::weights_key`].
    ///
    /// # Errors
    /// [`CheckpointError`], naming the file, what is wrong and the mend.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let status = std::fs::metadata(path).map_err(CheckpointError::io(path))?;
        if status.is_dir() {
            return folder::open(path);
        }
        if !status.is_file() {
            return Err(CheckpointError::content(path, "is neither file nor folder"));
        }
        let extension = path.extension().and_then(|extension| extension.to_str());
        match extension {
            Some("json") => return folder::open_index(path, path),
            #[cfg(feature = "onnx")]
            Some("onnx") => return Ok(crate::onnx::OnnxModel::open(path)?.initializers),
            #[cfg(not(feature = "onnx"))]
            Some("onnx") => {
                let reason = "is an ONNX model, which this build does not read; build with the \
                              feature `onnx`";
                return Err(CheckpointError::content(path, reason));
            }
            _ => {}
        }
        let mut file = File::open(path).map_err(CheckpointError::io(path))?;
        let start = first_bytes(&mut file).map_err(CheckpointError::io(path))?;
        match start {
            [b'P', b'K', 3, 4, ..] => pytorch::open_archive(path, file, status.len()),
            [0x80, 2..=5, ..] => pytorch::open_legacy(path, file, status.len()),
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => npy::open(path, file, status.len()),
            _ => {
                let mut checkpoint = Self::new(path, Kind::Safetensors);
                checkpoint.metadata = safetensors_file::add(&mut checkpoint, path)?;
                Ok(checkpoint)
            }
        }
    }

    /// One without tensors.
    pub(crate) fn new(path: &Path, kind: Kind) -> Self {
        Self {
            path: path.to_owned(),
            kind,
            files: Vec::new(),
            entries: BTreeMap::new(),
            metadata: HashMap::new(),
            weights_key: None,
            other_keys: Vec::new(),
        }
    }

    /// The path it was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is stored as.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The file that holds the weights: [`Checkpoint::path`], or a file of that folder.
    #[must_use]
    pub fn weights_path(&self) -> &Path {
        self.files.first().map_or(&self.path, |(path, _)| path)
    }

    /// The key of a PyTorch file under which the tensors were found, `model` say; `None` when they
    /// are the whole file.
    #[must_use]
    pub fn weights_key(&self) -> Option<&str> {
        self.weights_key.as_deref()
    }

    /// Other keys of a PyTorch file with tensors under a name that weights go by, `model_ema` say.
    #[must_use]
    pub fn other_keys(&self) -> &[String] {
        &self.other_keys
    }

    /// Every tensor's name and shape, by name.
    pub fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        let tensors = self.entries.iter();
        tensors.map(|(name, entry)| (name.as_str(), entry.shape.as_slice()))
    }

    /// A tensor's shape.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|entry| entry.shape.as_slice())
    }

    /// Whether a tensor holds floating-point numbers, the only ones that [`Checkpoint::read`] reads.
    #[must_use]
    pub fn is_float(&self, name: &str) -> bool {
        let entry = self.entries.get(name);
        entry.is_some_and(|entry| !matches!(entry.number, Number::Other(..)))
    }

    /// A text beside the tensors, which safetensors files may have.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// All texts beside the tensors.
    #[must_use]
    pub fn all_metadata(&self) -> &HashMap<String, String> {
        &self.metadata
    }

    /// Reads a tensor. `None` when there is none of the name.
    ///
    /// # Errors
    /// [`CheckpointError::WrongDType`] for what is no floating-point tensor, and
    /// [`CheckpointError::Io`].
    pub fn read(&mut self, name: &str) -> Result<Option<Array>, CheckpointError> {
        let Some(entry) = self.entries.get(name) else {
            return Ok(None);
        };
        if let Number::Other(found, _) = &entry.number {
            return Err(CheckpointError::WrongDType {
                path: self.path.clone(),
                name: name.to_owned(),
                found: found.clone(),
            });
        }
        let values = match &entry.place {
            #[cfg(feature = "onnx")]
            Place::Held(values) => values.clone(),
            Place::At {
                file,
                offset,
                strides,
            } => {
                let (path, file) = &mut self.files[*file];
                let read = match strides {
                    None => numbers(file, *offset, &entry.number, count(&entry.shape)),
                    Some(strides) => strided(file, *offset, entry, strides),
                };
                read.map_err(CheckpointError::io(path))?
            }
        };
        Ok(Some(Array {
            shape: entry.shape.clone(),
            values,
        }))
    }

    /// BLAKE3 of the file, or of all files in the order of their reading, one after the other.
    ///
    /// # Errors
    /// [`CheckpointError::Io`].
    pub fn hash(&mut self) -> Result<[u8; 32], CheckpointError> {
        let mut hasher = blake3::Hasher::new();
        for (path, file) in &mut self.files {
            file.seek(SeekFrom::Start(0))
                .and_then(|_| hasher.update_reader(file).map(|_| ()))
                .map_err(CheckpointError::io(path))?;
        }
        Ok(hasher.finalize().into())
    }
}

/// The first 8 bytes, zeros after the file's end; the file is at its start again.
fn first_bytes(file: &mut File) -> std::io::Result<[u8; 8]> {
    let mut start = Vec::new();
    file.by_ref().take(8).read_to_end(&mut start)?;
    file.seek(SeekFrom::Start(0))?;
    start.resize(8, 0);
    Ok(start.try_into().unwrap_or_default())
}

/// `len` numbers from `offset` on. Opening has found them inside the file.
fn numbers(
    file: &mut File,
    offset: u64,
    number: &Number,
    len: Option<usize>,
) -> std::io::Result<Vec<f32>> {
    let len = len.unwrap_or(0);
    let mut values = Vec::with_capacity(len);
    let mut left = len * number.size();
    let mut chunk = vec![0; left.min(CHUNK)];
    file.seek(SeekFrom::Start(offset))?;
    while left > 0 {
        let part = &mut chunk[..left.min(CHUNK)];
        file.read_exact(part)?;
        number.widen(part, &mut values);
        left -= part.len();
    }
    Ok(values)
}

/// A tensor whose numbers do not lie row-major: all that it spans, then each in its place.
fn strided(
    file: &mut File,
    offset: u64,
    entry: &Entry,
    strides: &[usize],
) -> std::io::Result<Vec<f32>> {
    let len = count(&entry.shape).unwrap_or(0);
    if len == 0 {
        return Ok(Vec::new());
    }
    let sides = entry.shape.iter().zip(strides);
    let span = 1 + sides
        .map(|(side, stride)| (side - 1) * stride)
        .sum::<usize>();
    let stored = numbers(file, offset, &entry.number, Some(span))?;
    let mut index = vec![0; entry.shape.len()];
    let mut values = Vec::with_capacity(len);
    for _ in 0..len {
        let at: usize = index
            .iter()
            .zip(strides)
            .map(|(i, stride)| i * stride)
            .sum();
        values.push(stored[at]);
        for (i, side) in index.iter_mut().zip(&entry.shape).rev() {
            *i += 1;
            if *i < *side {
                break;
            }
            *i = 0;
        }
    }
    Ok(values)
}
