//! What can be wrong with an image, an array, a folder or a preprocessing.

use std::io;
use std::path::{Path, PathBuf};

/// The formats that are read.
pub const FORMATS: &str = if cfg!(feature = "webp") {
    "PNG, JPEG or WebP"
} else {
    "PNG or JPEG"
};

/// An error that names the file or the field and says what to do, on one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// Something is wrong with a file or a folder.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: FileProblem,
    },
    /// A preprocessing that cannot be carried out.
    #[error("preprocess.{field} {reason}")]
    Preprocess {
        /// The field of [`mimlet_format::Preprocess`], or `image_size`.
        field: &'static str,
        /// What is wrong with it and what it must be.
        reason: String,
    },
}

impl ImageError {
    pub(crate) fn file(path: &Path, problem: impl Into<FileProblem>) -> Self {
        Self::File {
            path: path.to_path_buf(),
            problem: problem.into(),
        }
    }
}

/// What is wrong with a file or a folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileProblem {
    /// Nothing is there.
    #[error("no such file or folder; check the path")]
    Missing,
    /// A folder where a file should be.
    #[error("is a folder; name an image file in it")]
    IsFolder,
    /// A file where a folder should be.
    #[error("is a file; name a folder")]
    IsFile,
    /// The system would not read it.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// The system would not write it.
    #[error("cannot be written: {0}")]
    Unwritable(io::Error),
    /// No bytes at all.
    #[error("is empty (0 bytes); copy or export it again")]
    Empty,
    /// More bytes than [`Limits::max_file_bytes`](crate::Limits::max_file_bytes).
    #[error("is longer than the limit of {limit} bytes; scale the image down or raise the limit")]
    TooLong {
        /// The limit.
        limit: u64,
    },
    /// More pixels than [`Limits`](crate::Limits) allow.
    #[error(
        "is {width} x {height} pixels, over the limit of {max_side} a side and {max_pixels} in \
         all; scale it down"
    )]
    TooLarge {
        /// Width in the header.
        width: u32,
        /// Height in the header.
        height: u32,
        /// [`Limits::max_side`](crate::Limits::max_side).
        max_side: u32,
        /// [`Limits::max_pixels`](crate::Limits::max_pixels).
        max_pixels: u64,
    },
    /// The content is of no known kind, whatever the name says.
    #[error("is not a {} image; convert it to one of them", FORMATS)]
    UnknownFormat,
    /// An image, of a kind that is not read.
    #[error("is a {0} image, which is not supported; convert it to {FORMATS}", FORMATS = FORMATS)]
    UnsupportedFormat(&'static str),
    /// The file stops before its end marker.
    #[error("is cut short: the {0} data ends early; copy or export it again")]
    CutShort(&'static str),
    /// The decoder refused it.
    #[error("cannot be decoded as {format}: {reason}; export it again")]
    Damaged {
        /// The format its first bytes claim.
        format: &'static str,
        /// What the decoder said.
        reason: String,
    },
    /// A `.npy` file that cannot be read.
    #[error(transparent)]
    Npy(#[from] NpyError),
    /// A `.npy` array that is no input of the model.
    #[error(
        "holds {found}; the model takes uint8 [{height}, {width}, 3], or float32 \
         [3, {height}, {width}] already normalised"
    )]
    NotAnInput {
        /// Type and shape of the array.
        found: String,
        /// Height of the model's input.
        height: u32,
        /// Width of the model's input.
        width: u32,
    },
    /// A NaN or an infinity in a `.npy` input.
    #[error("value {index} is {value}; every value must be finite")]
    NotFinite {
        /// Flat index of the first such value.
        index: usize,
        /// The value.
        value: f32,
    },
    /// A data folder without class folders.
    #[error("has no class folders; put the images of each class in a folder of its own")]
    NoClasses,
    /// A folder without images.
    #[error("has no images; add {} files, or .npy", FORMATS)]
    NoImages,
}

/// What is wrong with the bytes of a `.npy` file, or with an array that should become one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NpyError {
    /// The bytes do not start as NumPy's format does.
    #[error("is not a .npy file; write it with numpy.save")]
    Magic,
    /// A version other than 1, 2 and 3.
    #[error("is .npy version {0}; save it as version 1, 2 or 3")]
    Version(u8),
    /// The file ends inside its header.
    #[error("is cut short: the .npy header ends early; copy or save it again")]
    CutShort,
    /// The header is not the dictionary it should be.
    #[error("has a damaged .npy header; save it again with numpy.save")]
    Header,
    /// Column-major data.
    #[error("is in Fortran order; save numpy.ascontiguousarray of it")]
    FortranOrder,
    /// Numbers of a type that is not read.
    #[error("holds numbers of type `{0}`; save them as uint8, uint32 or float32, little-endian")]
    Type(String),
    /// Shape and data contradict each other.
    #[error("has {found} bytes of data where its shape {shape:?} needs {needed}; save it again")]
    Length {
        /// The shape.
        shape: Vec<usize>,
        /// Bytes of data there are.
        found: usize,
        /// Bytes the shape needs; `usize::MAX` when that does not fit.
        needed: usize,
    },
}
