//! ClusterMIM pre-training, codebooks and evaluation (Du et al. 2024, arXiv 2407.09087).
//!
//! Data's way: [`data`] opens a data set of any usual kind, or [`synth`] draws one; [`codebook`]
//! clusters its patches or their features by [`kmeans`]; a [`tokenizer`] gives patches their
//! tokens; [`pretrain`] trains a masked autoencoder to guess those of hidden patches and writes the
//! [`encoder`]; [`evaluate`] and [`finetune`] say what it is worth, [`experiment`] over tokenizers
//! and seeds. A [`collective`] joins the processes of a run on several GPUs.
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
pub mod experiment;
pub mod finetune;
pub mod kmeans;
pub mod masking;
pub mod nn;
pub mod patches;
mod picture;
pub mod pretrain;
pub mod random;
pub mod report;
pub mod schedule;
pub mod selftest;
pub mod synth;
mod tensors;
pub mod tokenizer;

pub use error::TrainError;
pub use tensors::Precision;
