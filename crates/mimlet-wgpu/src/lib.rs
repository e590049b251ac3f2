//! Runs an encoder's plan on a GPU through wgpu.
//!
//! [`Adapters`] lists the GPUs of a machine, [`Gpu`] is one of them opened, [`WgpuBackend`] runs a
//! [`Plan`](mimlet_runtime::Plan) on it. [`dispatch_once`] runs a single op, for tests and
//! benches.
//!
//! Everything is asynchronous underneath, as a browser wants it; what is named without `_async` waits
//! for the same.
//!
//! An op has several variants, and [`Tuning`] says how one is chosen. Each op runs without any wgpu
//! feature and within the limits of the smallest GPUs, so a software Vulkan driver such as lavapipe is
//! enough. Nothing here panics over a device: a GPU that is missing, too small, out of memory or lost is a
//! [`WgpuError`].
//!
//! Shader modules are created with wgpu's checks of indices and loops. Leaving them out would need
//! `unsafe`, and saved 1 % on lavapipe (ViT-Ti/16 in f32, 2026-11-29). What can be saved without it is
//! saved: workgroup memory is not zeroed, as every kernel writes it before it reads.
#![warn(clippy::unwrap_used)]

#[cfg(all(panic = "abort", not(target_arch = "wasm32")))]
compile_error!("wgpu panics over a lost GPU, which is caught: build it with `panic = \"unwind\"`");

mod adapters;
mod backend;
mod batches;
mod buffers;
mod choices;
#[cfg(not(target_arch = "wasm32"))]
mod compiled;
#[cfg(not(target_arch = "wasm32"))]
mod dispatch;
mod error;
mod experimental;
mod gpu;
mod kept;
mod maker;
#[cfg(not(target_arch = "wasm32"))]
mod matrices;
mod means;
#[cfg(test)]
#[path = "../tests/gpu/model.rs"]
mod model;
#[cfg(test)]
mod mutants;
mod offers;
mod operands;
mod pass;
mod pipeline_cache;
mod pipelines;
mod profile;
mod program;
mod ranges;
mod requirements;
mod resident;
mod signal;
mod tensors;
mod texels;
mod trial;
mod tuning;
mod units;

pub use adapters::{AdapterDescription, Adapters, Choice};
pub use backend::WgpuBackend;
#[cfg(not(target_arch = "wasm32"))]
pub use compiled::compile_each;
#[cfg(not(target_arch = "wasm32"))]
pub use dispatch::dispatch_once;
pub use error::WgpuError;
pub use gpu::Gpu;
pub use requirements::Requirements;
pub use tuning::Tuning;
pub use wgpu::Backends;
