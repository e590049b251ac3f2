//! What a trained encoder is worth: how well tokens follow classes, and what a linear probe or the
//! nearest neighbours make of its frozen features.

pub mod alignment;
pub mod config;
pub mod features;
pub mod knn;
pub mod probe;
pub mod score;
mod softmax;
