//! The command line: one file a command.

mod codebook;
mod compare;
mod devices;
mod finetune;
mod image_files;
mod inputs;
mod knn;
mod labelled;
mod pretrain;
mod probe;
mod processes;
mod synth;
mod tcas;
mod token_table;
mod unpack;

use std::io::{ErrorKind, Write};
use std::path::Path;
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
    /// Write the images of a data set as a folder of PNGs.
    Unpack(unpack::Arguments),
    /// Cluster patches, or an encoder's patch features, into a codebook.
    Codebook(codebook::Arguments),
    /// Train an encoder to guess the codebook tokens of hidden patches.
    Pretrain(pretrain::Arguments),
    /// Linear-probe accuracy of frozen features.
    Probe(probe::Arguments),
    /// Accuracy of the nearest neighbours' vote on frozen features.
    Knn(knn::Arguments),
    /// Train encoder and classifier together on labels.
    Finetune(finetune::Arguments),
    /// Run an experiment: tokenizers and seeds against TCAS, probe and nearest neighbours.
    Compare(compare::Arguments),
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
        Command::Unpack(arguments) => unpack::run(&arguments),
        Command::Codebook(arguments) => codebook::run(&arguments),
        Command::Pretrain(arguments) => pretrain::run(&arguments),
        Command::Probe(arguments) => probe::run(&arguments),
        Command::Knn(arguments) => knn::run(&arguments),
        Command::Finetune(arguments) => finetune::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
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
    match writeln!(std::io::stdout(), "{line}") {
        // A reader that has seen enough, as `head`, is no failure.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.map_err(TrainError::io(Path::new("standard output"), "write")),
    }
}
