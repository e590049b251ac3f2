//! The command line: one file a command.

mod codebook;
mod devices;
mod inputs;
mod pretrain;
mod probe;
mod processes;
mod synth;
mod tcas;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::TrainError;

/// Trains ClusterMIM encoders and their codebooks.
#[derive(Debug, Parser)]
#[command(name = "mimlet-train", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write seeded labelled images as a folder of PNGs.
    Synth(synth::Arguments),
    /// Cluster patches, or an encoder's patch features, into a codebook.
    Codebook(codebook::Arguments),
    /// Train an encoder to guess the codebook tokens of hidden patches.
    Pretrain(pretrain::Arguments),
    /// Linear-probe accuracy of frozen features.
    Probe(probe::Arguments),
    /// How well a codebook's tokens follow the images' classes.
    Tcas(tcas::Arguments),
    /// List what this build can train on here, each device held to the CPU.
    Devices(devices::Arguments),
    /// Check and time what the processes of mpirun or srun do together.
    Processes(processes::Arguments),
}

/// Runs the program: exit code 0 for good, 2 for bad input, with one line on stderr.
pub fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Synth(arguments) => synth::run(&arguments),
        Command::Codebook(arguments) => codebook::run(&arguments),
        Command::Pretrain(arguments) => pretrain::run(&arguments),
        Command::Probe(arguments) => probe::run(&arguments),
        Command::Tcas(arguments) => tcas::run(&arguments),
        Command::Devices(arguments) => devices::run(&arguments),
        Command::Processes(arguments) => processes::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mimlet-train: {error}");
            ExitCode::from(2)
        }
    }
}

/// Prints `report` as JSON, or as the lines `text` gives.
fn print<T: serde::Serialize>(
    report: &T,
    json: bool,
    text: impl FnOnce() -> String,
) -> Result<(), TrainError> {
    let line = if json {
        serde_json::to_string(report)
            .map_err(|error| TrainError::Config(format!("cannot print the result: {error}")))?
    } else {
        text()
    };
    println!("{line}");
    Ok(())
}
