//! The network in burn: layers, the encoder, and the MAE around it.
//!
//! Every module keeps its parameters in the orientation and under the names of timm and MAE
//! checkpoints, so [`state::read_state`] needs no table of names.

pub mod block;
pub(crate) mod fused;
pub mod init;
pub mod linear;
pub mod mae;
pub mod norm;
pub mod positions;
mod precision;
pub mod state;
pub mod vit;

#[cfg(test)]
mod tests;
