//! Plans and runs an encoder from a `.mim` file: features, tokens and the file's acceptance test.
//!
//! [`Plan`] turns a manifest into steps and buffers; a [`Backend`] runs them ([`CpuBackend`] here,
//! others in crates of their own); [`Encoder`] checks the input and hands out [`Encoding`]s;
//! [`acceptance`] says whether a backend's results are right on this device, and [`drift`] whether its
//! camera still shows what the model knows.
//!
//! Everything that can be wrong with a file is found when it is parsed and planned. After that an
//! encoder neither allocates nor fails on data.
#![warn(clippy::unwrap_used)]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod acceptance;
mod backend;
#[cfg(feature = "std")]
mod batch;
mod cpu;
pub mod drift;
mod encoder;
mod plan;
mod tokenizer;

pub use backend::{Backend, BackendError, Encoding, WorkCost};
#[cfg(feature = "std")]
pub use batch::BatchEncoder;
pub use cpu::{CpuBackend, CpuStepper, working_bytes};
pub use encoder::{EncodeError, Encoder};
pub use plan::{BufferId, BufferSpec, DeviceLimits, FoldedStep, Per, Plan, PlanError, Step};
pub use tokenizer::Tokenizer;
