//! Decodes, resizes, crops and normalises images, the same way for training, export and device.
//!
//! | to | use |
//! |---|---|
//! | turn a file into the encoder's input | [`Preprocessor::prepare`] |
//! | read an image as 8-bit RGB | [`read`], [`decode`] |
//! | list a labelled data set | [`Folder::open`], or [`images_in`] without labels |
//! | cut out a box and scale it, for training | [`crop_and_resize`] |
//! | exchange arrays with NumPy | [`NpyArray`], [`write_npy`]; [`NpyView`] for any number type |
//!
//! Colours follow Pillow's `convert("RGB")`: grey is repeated, alpha is dropped (not composited),
//! palettes are looked up, 16-bit samples keep their high byte. An EXIF orientation is applied. No
//! colour management is done. Whatever is wrong with a file is one line that names it and says what
//! to do, and nothing large is allocated before the header has been held against [`Limits`].
//!
//! ```no_run
//! use mimlet_format::{Preprocess, Resample};
//! use mimlet_image::Preprocessor;
//!
//! let preprocess = Preprocess {
//!     resize_short_side: 256,
//!     resample: Resample::Bicubic,
//!     mean: [0.485, 0.456, 0.406],
//!     std: [0.229, 0.224, 0.225],
//! };
//! let preprocessor = Preprocessor::new(&preprocess, [224, 224])?;
//! let prepared = preprocessor.prepare("photo.jpg")?;
//! assert_eq!(prepared.input.len(), 3 * 224 * 224);
//! # Ok::<(), mimlet_image::ImageError>(())
//! ```
#![warn(clippy::unwrap_used)]

mod complete;
mod decode;
mod error;
mod folder;
mod limits;
mod npy;
mod npy_header;
mod npy_view;
mod preprocess;
mod resize;
mod rgb_image;

pub use decode::{decode, read};
pub use error::{FORMATS, FileProblem, ImageError, NpyError};
pub use folder::{Folder, images_in};
pub use limits::Limits;
pub use npy::{NpyArray, NpyData, NpyElement, write_npy};
pub use npy_view::NpyView;
pub use preprocess::{Prepared, Preprocessor, normalize};
pub use resize::{CropBox, crop_and_resize};
pub use rgb_image::RgbImage;
