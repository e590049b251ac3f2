//! ClusterMIM pre-training (Du et al. 2024, arXiv 2407.09087): an MAE that predicts the codebook
//! tokens of the patches it does not see, or, as MAE itself, their pixels.

pub mod batch;
pub mod checkpoint;
pub mod log;
pub mod optim;
pub mod plot;
pub mod targets;
pub mod trainer;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod tiny;
