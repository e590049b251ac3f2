//! Labelled images: where they come from, and how they reach training and evaluation.
//!
//! [`open`] finds out what kind of data set a path holds. A [`Source`] reads one image at a time,
//! at its own size. Evaluation and codebooks take it in [`prepared`] blocks, resized and cropped as
//! on a device; pre-training augments it ([`augment`]). Both read ahead ([`prefetch`]), and both
//! leave out what cannot be read ([`Faults`]).

pub mod augment;
mod cifar;
mod classes;
mod crop;
mod faults;
mod folder;
#[cfg(test)]
mod hostile;
mod idx;
mod npz;
mod numbers;
mod open;
mod packed;
mod part;
pub mod prefetch;
pub mod prepared;
mod rate;
mod set;
pub mod shards;
mod source;
mod subset;

pub use faults::{Faults, Tolerant, read, read_or_next};
pub use folder::FolderSource;
pub use open::{open, open_test, split_off};
pub use packed::Packed;
pub use part::{OpenOptions, Part, Split};
pub use rate::{LoadingRate, Rate};
pub use set::ImageSet;
pub use source::Source;
pub use subset::Subset;
