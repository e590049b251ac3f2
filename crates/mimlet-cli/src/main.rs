//! `mimlet`: exports, checks and runs masked-image-modelling encoders.
//!
//! Each command lives in a file of its own under `commands` and returns an [`Outcome`]: 0 when all is
//! well, 1 when a check failed. An [`Error`](error::Error) is bad input: one line on stderr, exit code 2 (1 when a signature was
//! asked for and does not hold).
#![warn(clippy::unwrap_used)]

mod adapter;
mod backend;
mod commands;
mod dequantise;
mod destination;
mod error;
#[cfg(feature = "export")]
mod exported;
#[cfg_attr(not(feature = "gpu"), path = "no_gpu.rs")]
mod gpu;
mod images;
mod in_order;
mod key_files;
mod ladder;
mod latency;
mod memory;
mod output;
mod png;
mod progress;
#[cfg(feature = "export")]
mod quantisation;
#[cfg(feature = "export")]
mod scheme;
mod signature;
mod table;
mod targets;
mod terminal;
mod units;
mod verdict;

use std::process::ExitCode;

use clap::Parser;

use crate::commands::Cli;
use crate::output::{Outcome, stderr_line};

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(Outcome::Good) => ExitCode::SUCCESS,
        Ok(Outcome::Different) => ExitCode::from(1),
        Ok(Outcome::Failed(reason)) => {
            stderr_line(&format!("failed: {reason}"));
            ExitCode::from(1)
        }
        Err(error) if error.is_check() => {
            stderr_line(&format!("failed: {error}"));
            ExitCode::from(1)
        }
        Err(error) => {
            stderr_line(&format!("error: {error}"));
            ExitCode::from(2)
        }
    }
}
