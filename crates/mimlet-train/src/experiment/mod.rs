//! Does TCAS foretell what an encoder is worth? Tokenizers are measured, encoders are trained on
//! their tokens with one budget, and both figures are put side by side.
//!
//! A [`cell`] is one tokenizer with one seed. Each runs in a process of its own, on one thread, so
//! that results do not depend on how many run at once ([`workers`]); what is finished is kept in
//! the experiment's folder and never run again.

pub mod cell;
pub mod config;
pub mod images;
pub mod results;
mod tokens;
mod verdict;
pub mod workers;

#[cfg(test)]
mod tests;
