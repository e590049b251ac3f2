//! ClusterMIM pre-training (Du et al. 2024, arXiv 2407.09087): an MAE that predicts the codebook
//! tokens of the patches it does not see, or, as MAE itself, their pixels.

pub mod batch;
pub mod checkpoint;
mod gradients;
pub mod log;
mod look;
pub mod optim;
mod panels;
pub mod plot;
pub(crate) mod step;
pub mod targets;
mod tensorboard;
pub mod trainer;
pub(crate) mod window;

pub(crate) mod tiny;

#[cfg(test)]
mod tests;
