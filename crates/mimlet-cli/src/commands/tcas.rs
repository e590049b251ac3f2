//! `mimlet tcas`: how well tokens and classes align.

mod count;
mod matrix;
mod report;
#[cfg(feature = "parquet")]
mod tables;

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use mimlet_tcas::{CountsShard, ShardError, ShardSum};

use crate::backend::BackendArgs;
use crate::destination::Destination;
use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::signature::SignatureArgs;

use report::Report;

/// Arguments of `mimlet tcas`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct TcasArgs {
    #[command(subcommand)]
    merge: Option<Merge>,
    /// The .mim file whose tokens are counted
    #[arg(required_unless_present_any = ["matrix", "tokens"], requires = "data")]
    file: Option<PathBuf>,
    /// Labelled images: one folder for each class
    #[arg(long, value_name = "DIR", requires = "file")]
    data: Option<PathBuf>,
    /// Score counts made elsewhere: {"R": [[patches with token i in class j]]}
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "data", "counts_out"])]
    matrix: Option<PathBuf>,
    /// Score token tables of `mimlet encode -o tokens.parquet`: all shards of one data set
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["file", "data", "matrix"])]
    tokens: Vec<PathBuf>,
    #[command(flatten)]
    bound: Bound,
    /// Write the counts to this file, for `mimlet tcas merge`
    #[arg(long, value_name = "FILE")]
    counts_out: Option<PathBuf>,
    #[command(flatten)]
    signature: SignatureArgs,
    #[command(flatten)]
    backend: BackendArgs,
}

#[derive(Debug, Subcommand)]
enum Merge {
    /// Add the counts of several machines, exactly, and score the sum
    Merge {
        /// Files written by --counts-out; a file may be many of them one after the other, as `cat`
        /// makes it
        #[arg(required = true, value_name = "COUNTS")]
        counts: Vec<PathBuf>,
        #[command(flatten)]
        bound: Bound,
        /// Write the sum to this file
        #[arg(long, value_name = "FILE")]
        counts_out: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Copy, Args)]
struct Bound {
    /// Fail, with exit code 1, when TCAS is above this
    #[arg(long, value_name = "X", value_parser = bound)]
    max: Option<f64>,
}

/// A bound that some TCAS can be held to.
fn bound(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(max) if max.is_finite() && max >= 0.0 => Ok(max),
        _ => Err("give a number of at least 0".to_string()),
    }
}

impl TcasArgs {
    /// Counts or reads a matrix and scores it; fails when TCAS is above the bound.
    pub(crate) fn run(self, output: Output) -> Result<Outcome, Error> {
        if self.signature.is_required() && self.file.is_none() {
            return Err(Error::new(
                "--require-signature: counts and tables carry no signature; name a .mim file",
            ));
        }
        let report = match (&self.merge, &self.matrix, &self.file, &self.data) {
            (Some(merge), ..) => merge.run()?,
            (_, Some(matrix), ..) => Report::new(&matrix::read(matrix)?, self.bound.max),
            (_, _, Some(file), Some(data)) => self.count(file, data, output)?,
            _ if !self.tokens.is_empty() => self.score_tables()?,
            // The parser's rules leave none of this; the message is theirs.
            _ => {
                return Err(Error::new(
                    "name a .mim file and --data, or --matrix, or --tokens, or merge",
                ));
            }
        };
        output.print(&report)?;
        Ok(report.outcome())
    }

    fn count(&self, file: &Path, data: &Path, output: Output) -> Result<Report, Error> {
        let destination = destination(self.counts_out.as_deref())?;
        let model = self.signature.open(file)?;
        let counted = count::count(file, &model, data, &self.backend, output)?;
        if let Some(destination) = destination {
            destination.write(&counted.shard.to_bytes())?;
        }
        let mut report = Report::new(counted.shard.counts(), self.bound.max);
        report.shuffled_tcas = counted.shuffled_tcas;
        report.images = Some(counted.images);
        report.backend = Some(counted.backend);
        Ok(report)
    }

    #[cfg(feature = "parquet")]
    fn score_tables(&self) -> Result<Report, Error> {
        let destination = destination(self.counts_out.as_deref())?;
        score(tables::count(&self.tokens)?, destination, self.bound)
    }

    #[cfg(not(feature = "parquet"))]
    fn score_tables(&self) -> Result<Report, Error> {
        Err(Error::no_tables())
    }
}

impl Merge {
    fn run(&self) -> Result<Report, Error> {
        let Self::Merge {
            counts,
            bound,
            counts_out,
        } = self;
        let destination = destination(counts_out.as_deref())?;
        let mut sum = ShardSum::default();
        for path in counts {
            let bytes = fs::read(path)
                .map_err(|error| Error::file(path, format_args!("cannot be read: {error}")))?;
            let shards = sum
                .add_stream(&bytes)
                .map_err(|error| Error::file(path, error))?;
            if shards == 0 {
                return Err(Error::file(path, ShardError::Magic));
            }
        }
        let sum = sum.into_total();
        score(sum, destination, *bound)
    }
}

fn destination(path: Option<&Path>) -> Result<Option<Destination>, Error> {
    path.map(Destination::new).transpose()
}

/// Scores the sum of several files, and writes it if asked to.
fn score(
    sum: Option<CountsShard>,
    destination: Option<Destination>,
    bound: Bound,
) -> Result<Report, Error> {
    let Some(sum) = sum else {
        return Err(Error::new("name at least one file of counts or tokens"));
    };
    if let Some(destination) = destination {
        destination.write(&sum.to_bytes())?;
    }
    Ok(Report::new(sum.counts(), bound.max))
}
