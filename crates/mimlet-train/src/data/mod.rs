//! Labelled images: where they come from, and how they reach training and evaluation.
//!
//! A [`Source`] reads one image at a time, at its own size. Evaluation and codebooks take it in
//! [`prepared`] blocks, resized and cropped as on a device; pre-training augments it.

pub mod augment;
mod folder;
pub mod prepared;
mod set;
mod source;

pub use folder::FolderSource;
pub use set::ImageSet;
pub use source::Source;
