//! Mixed precision: each linear layer as narrow as its damage to the features is worth.

mod pick;
mod sensitivity;
mod widening;

pub(crate) use pick::pick;
pub(crate) use sensitivity::Sensitivity;
