//! What a trained encoder is worth.

pub mod alignment;
pub mod probe;
