//! `mimlet bench`: latencies of a file that passes its acceptance test.

mod profile;
mod report;
mod run;
mod turns;

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Args;

use crate::backend::BackendArgs;
use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::signature::SignatureArgs;

/// Arguments of `mimlet bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// The .mim file
    file: PathBuf,
    #[command(flatten)]
    signature: SignatureArgs,
    #[command(flatten)]
    backend: BackendArgs,
    /// Timed runs
    #[arg(
        long,
        value_name = "N",
        default_value = "100",
        conflicts_with = "seconds"
    )]
    runs: NonZeroU32,
    /// Run for this long instead, and compare the end with the beginning
    #[arg(long, value_name = "S")]
    seconds: Option<NonZeroU32>,
    /// Images at once, which a GPU runs together; every latency is then of so many
    #[arg(long, value_name = "N", default_value = "1")]
    batch: NonZeroU32,
    /// Also say what each kernel of a GPU, or each step on the CPU, costs
    #[arg(long)]
    profile: bool,
}

impl BenchArgs {
    /// Loads, verifies, times; prints latencies only when every run gave the verified output.
    pub(crate) fn run(self, output: Output) -> Result<Outcome, Error> {
        let report = run::bench(&self)?;
        output.print(&report)?;
        Ok(report.outcome())
    }
}
