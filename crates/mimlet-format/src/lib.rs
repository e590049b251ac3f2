//! The .mim model file: specification, checked zero-copy reader and writer.
//!
//! [`Model::parse`] finds everything that can be wrong with a file; what it returns cannot fail.
//! `FORMAT.md`, beside this crate's manifest, is the specification.
//!
//! | to | use |
//! |---|---|
//! | open a file on disk | [`ModelFile::open`] (feature `std`) |
//! | use bytes in memory or flash | [`Model::parse`], with [`AlignedBytes`] or [`include_aligned!`] |
//! | write a file | [`ModelWriter`], then [`write_atomically`] (feature `std`) |
//! | sign a file, or know who signed it | [`Model::to_signed`], [`Model::verify_signature`] (feature `signature`) |
//! | know which tensors, and how stored | [`required_roles`], [`expected_shape`], [`layout_for`] |
//! | know which layers have ranges, and the groups of i4 weights | [`ranged_roles`], [`group_size`] |
#![warn(clippy::unwrap_used)]
#![cfg_attr(not(feature = "std"), no_std)]

// Tensors are little-endian and used in place.
#[cfg(target_endian = "big")]
compile_error!("mimlet-format reads little-endian tensors in place: big-endian targets cannot");

extern crate alloc;

mod aligned;
#[cfg(feature = "std")]
mod atomic;
mod check;
mod error;
#[cfg(feature = "std")]
mod file;
mod header;
mod layout;
pub mod limits;
mod model;
mod names;
mod roles;
mod schema;
mod signature;
#[cfg(feature = "signature")]
mod signing;
mod writer;

pub use aligned::AlignedBytes;
#[cfg(feature = "std")]
pub use atomic::{write_atomically, write_atomically_unflushed};
pub use error::FormatError;
#[cfg(feature = "std")]
pub use file::{ModelFile, OpenError};
pub use header::{ALIGNMENT, HEADER_LEN, MAGIC, VERSION};
pub use layout::{GROUP_SIZES, PANEL_COLUMNS, PANEL_ROWS, group_size, stored_length};
pub use model::{Model, TensorView};
pub use roles::{expected_shape, layout_for, ranged_roles, required_roles, scale_of};
pub use schema::{
    AcceptanceTest, Activation, ActivationRange, BlockTensor, Codebook, CodebookSpace, DType,
    Distance, DriftReference, EncoderConfig, GoldenTensor, Layout, LinearPart, Manifest, NormPart,
    OwnAnswers, Preprocess, Provenance, Resample, Scheme, TensorEntry, TensorRole, Thresholds,
};
pub use signature::{SIGNATURE_LEN, SignatureBlock};
#[cfg(feature = "signature")]
pub use signing::{KeyError, PublicKey, SecretKey, SignatureError};
pub use writer::ModelWriter;
