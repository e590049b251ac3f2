//! NumPy's array files: little-endian, C order, u8, u32 and f32.

use std::path::Path;

use mimlet_format::write_atomically;

use crate::error::{FileProblem, ImageError, NpyError};
use crate::npy_header;

/// An array read from a `.npy` file.
#[derive(Debug, Clone, PartialEq)]
pub struct NpyArray {
    /// Length of each axis; empty for a single number.
    pub shape: Vec<usize>,
    /// The numbers, last axis fastest, as many as the shape says.
    pub data: NpyData,
}

/// The numbers of a [`NpyArray`].
#[derive(Debug, Clone, PartialEq)]
pub enum NpyData {
    /// `uint8`.
    U8(Vec<u8>),
    /// `uint32`.
    U32(Vec<u32>),
    /// `float32`.
    F32(Vec<f32>),
}

/// A number [`write_npy`] can write.
pub trait NpyElement: Copy + sealed::Sealed {
    /// The type in NumPy's notation.
    const DESCR: &'static str;
    /// Appends the number, little-endian.
    fn append(self, bytes: &mut Vec<u8>);
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for u32 {}
    impl Sealed for f32 {}
}

impl NpyElement for u8 {
    const DESCR: &'static str = "|u1";
    fn append(self, bytes: &mut Vec<u8>) {
        bytes.push(self);
    }
}

impl NpyElement for u32 {
    const DESCR: &'static str = "<u4";
    fn append(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }
}

impl NpyElement for f32 {
    const DESCR: &'static str = "<f4";
    fn append(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }
}

impl NpyArray {
    /// Whether the bytes start as a `.npy` file does.
    pub fn is_npy(bytes: &[u8]) -> bool {
        bytes.starts_with(npy_header::MAGIC)
    }

    /// Reads a `.npy` file of version 1, 2 or 3. Nothing is allocated that the bytes do not hold.
    ///
    /// # Errors
    /// One [`NpyError`] for each way the bytes can be wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, NpyError> {
        let (header, data) = npy_header::split(bytes)?;
        let width = match header.descr.as_str() {
            "|u1" | "<u1" | "u1" => 1,
            "<u4" | "<f4" => 4,
            _ => return Err(NpyError::Type(header.descr)),
        };
        header.check(width, data)?;
        let words = data.as_chunks::<4>().0.iter().copied();
        let data = match header.descr.as_str() {
            "<u4" => NpyData::U32(words.map(u32::from_le_bytes).collect()),
            "<f4" => NpyData::F32(words.map(f32::from_le_bytes).collect()),
            _ => NpyData::U8(data.to_vec()),
        };
        let shape = header.shape;
        Ok(Self { shape, data })
    }

    /// Type and shape, for people: `float32 [3, 64, 64]`.
    pub fn describe(&self) -> String {
        let name = match self.data {
            NpyData::U8(_) => "uint8",
            NpyData::U32(_) => "uint32",
            NpyData::F32(_) => "float32",
        };
        format!("{name} {:?}", self.shape)
    }
}

/// Writes an array that `numpy.load` reads. The file appears whole or not at all.
///
/// ```
/// use mimlet_image::{NpyArray, NpyData, write_npy};
///
/// let path = std::env::temp_dir().join(format!("tokens-{}.npy", std::process::id()));
/// write_npy(&path, &[1, 3], &[7u32, 0, 99])?;
/// let array = NpyArray::parse(&std::fs::read(&path)?)?;
/// assert_eq!(array, NpyArray { shape: vec![1, 3], data: NpyData::U32(vec![7, 0, 99]) });
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`FileProblem::Npy`] when the shape does not hold the data, [`FileProblem::Unwritable`] when the
/// system refuses.
pub fn write_npy<T: NpyElement>(
    path: impl AsRef<Path>,
    shape: &[usize],
    data: &[T],
) -> Result<(), ImageError> {
    let path = path.as_ref();
    if elements(shape) != Some(data.len()) {
        let problem = NpyError::Length {
            shape: shape.to_vec(),
            found: size_of_val(data),
            needed: elements(shape)
                .and_then(|count| count.checked_mul(size_of::<T>()))
                .unwrap_or(usize::MAX),
        };
        return Err(ImageError::file(path, problem));
    }
    let mut bytes = npy_header::write(T::DESCR, shape);
    bytes.reserve(size_of_val(data));
    data.iter().for_each(|value| value.append(&mut bytes));
    write_atomically(path, &bytes)
        .map_err(|error| ImageError::file(path, FileProblem::Unwritable(error)))
}

/// Numbers in an array of this shape.
pub(crate) fn elements(shape: &[usize]) -> Option<usize> {
    shape
        .iter()
        .try_fold(1usize, |count, &axis| count.checked_mul(axis))
}
