//! ClusterMIM pre-training, codebooks and evaluation (Du et al. 2024, arXiv 2407.09087).
//!
//! Data's way: [`synth`] or a folder is a [`data::Source`]; [`codebook`] clusters its patches; [`pretrain`] trains a masked autoencoder to guess the hidden patches' tokens and
//! writes the encoder; [`evaluate`] says how well tokens and features follow the classes.
#![warn(clippy::unwrap_used)]

mod atomic;
pub mod cli;
pub mod codebook;
pub mod collective;
pub mod config;
pub mod data;
pub mod device;
pub mod encoder;
mod error;
pub mod evaluate;
pub mod kmeans;
pub mod masking;
pub mod nn;
pub mod patches;
mod picture;
pub mod pretrain;
mod pytorch;
pub mod random;
pub mod schedule;
pub mod selftest;
pub mod synth;
mod tensors;
pub mod tokenizer;

pub use error::TrainError;
pub use tensors::Precision;
