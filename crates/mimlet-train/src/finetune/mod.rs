//! Fine-tuning: the encoder with a classifier on top, trained as a whole on labels (He et al. 2021,
//! arXiv 2111.06377, appendix A.1).

mod batch;
pub mod config;
mod depth;
mod erase;
pub mod layers;
mod mix;
pub mod network;
pub mod trainer;

#[cfg(test)]
mod tests;

pub use trainer::{FinetuneReport, Finetuning, finetune};
