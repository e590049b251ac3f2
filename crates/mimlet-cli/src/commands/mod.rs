//! The commands, one file each.

mod bench;
#[cfg(feature = "demo")]
mod demo;
mod devices;
mod diff;
mod encode;
#[cfg(feature = "export")]
mod export;
mod inspect;
mod keygen;
#[cfg(feature = "export")]
mod new;
#[cfg(feature = "export")]
mod pick;
mod sign;
mod tcas;
mod verify;
mod watch;

use clap::{Parser, Subcommand};
use mimlet_kernels::Level;

use crate::error::Error;
use crate::output::{Outcome, Output};

/// Export masked-image-modelling encoders to one quantised file, and run, check and time it on any
/// device.
///
/// Exit codes: 0 good, 1 a check failed or files differ, 2 bad input.
#[derive(Debug, Parser)]
#[command(name = "mimlet", version)]
pub(crate) struct Cli {
    /// Print one JSON object instead of text; watch prints one in each line
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the bundled model on all backends and draw what its tokens see
    #[cfg(feature = "demo")]
    Demo(demo::DemoArgs),
    /// Write a file of random weights, for latency work
    #[cfg(feature = "export")]
    New(new::NewArgs),
    /// Turn a checkpoint into a verified .mim file
    #[cfg(feature = "export")]
    Export(export::ExportArgs),
    /// Take from a sweep the file that meets your bounds
    #[cfg(feature = "export")]
    Pick(pick::PickArgs),
    /// Show what is in a .mim file
    Inspect(inspect::InspectArgs),
    /// Show what differs between two .mim files, and how far their outputs are apart
    Diff(diff::DiffArgs),
    /// Turn images into features or tokens
    Encode(encode::EncodeArgs),
    /// Measure how well tokens and classes align
    Tcas(tcas::TcasArgs),
    /// Run the acceptance test inside a .mim file, and verify its signature
    Verify(verify::VerifyArgs),
    /// Run a model on a folder or a stream of images as they come, and tell when they drift
    Watch(watch::WatchArgs),
    /// Make a pair of keys to sign files with
    Keygen(keygen::KeygenArgs),
    /// Sign a .mim file
    Sign(sign::SignArgs),
    /// Time a .mim file that passes its acceptance test
    Bench(bench::BenchArgs),
    /// Show what can run models here, and which targets it matches
    Devices(devices::DevicesArgs),
}

impl Cli {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Outcome, Error> {
        // A level asked for by name is that level or an error, never another one in silence.
        Level::forced()?;
        let output = Output { json: self.json };
        match self.command {
            #[cfg(feature = "demo")]
            Command::Demo(args) => args.run(output),
            #[cfg(feature = "export")]
            Command::New(args) => args.run(output),
            #[cfg(feature = "export")]
            Command::Export(args) => args.run(output),
            #[cfg(feature = "export")]
            Command::Pick(args) => args.run(output),
            Command::Inspect(args) => args.run(output),
            Command::Diff(args) => args.run(output),
            Command::Encode(args) => args.run(output),
            Command::Tcas(args) => args.run(output),
            Command::Verify(args) => args.run(output),
            Command::Watch(args) => args.run(output),
            Command::Keygen(args) => args.run(output),
            Command::Sign(args) => args.run(output),
            Command::Bench(args) => args.run(output),
            Command::Devices(args) => args.run(output),
        }
    }
}
