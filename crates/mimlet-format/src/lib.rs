//! The .mim model file: specification, checked zero-copy reader and writer.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod schema;

pub use schema::{
    AcceptanceTest, Activation, BlockTensor, Codebook, CodebookSpace, DType, Distance,
    EncoderConfig, GoldenTensor, Layout, LinearPart, Manifest, NormPart, Preprocess, Provenance,
    Resample, Scheme, TensorEntry, TensorRole, Thresholds,
};
