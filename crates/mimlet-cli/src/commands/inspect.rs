//! `mimlet inspect`: what is in a file.

mod facts;
mod range;
mod report;
mod tree;

use std::path::PathBuf;

use clap::Args;

use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::progress::Progress;
use crate::signature::SignatureArgs;
use crate::terminal::Canvas;

pub(super) use report::Source;
use report::{Depth, Report};

/// Arguments of `mimlet inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The .mim file
    file: PathBuf,
    #[command(flatten)]
    signature: SignatureArgs,
    /// Show every block, also those that are alike
    #[arg(long, conflicts_with = "block")]
    all: bool,
    /// Show this block alone
    #[arg(long, value_name = "N")]
    block: Option<u32>,
    /// Show each tensor's BLAKE3 hash
    #[arg(long)]
    hashes: bool,
    /// Show the range of each tensor's values, dequantised
    #[arg(long, conflicts_with = "hashes")]
    ranges: bool,
}

/// How a report is shown.
#[derive(Debug, Clone, Copy)]
struct View {
    canvas: Canvas,
    all: bool,
    block: Option<u32>,
    hashes: bool,
    ranges: bool,
}

impl InspectArgs {
    /// Prints what a file that has passed every check says of itself, its tensors as a tree, and the
    /// targets it fits.
    pub(crate) fn run(self, output: Output) -> Result<Outcome, Error> {
        let file = self.signature.open(&self.file)?;
        let model = file.model();
        let depth = model.manifest().encoder.depth;
        if let Some(block) = self.block.filter(|&block| block >= depth) {
            return Err(Error::file(
                &self.file,
                format_args!("--block {block}: its blocks are 0 to {}", depth - 1),
            ));
        }
        let view = View {
            canvas: Canvas::stdout(),
            // Blocks that are alike have other values all the same.
            all: self.all || self.hashes || self.ranges,
            block: self.block,
            hashes: self.hashes,
            ranges: self.ranges,
        };
        let depth = Depth {
            hashes: self.hashes || output.json,
            ranges: self.ranges || output.json,
        };
        let progress = Progress::new(model.tensors().len(), "reading tensors");
        let report = Report::new(&self.file, &model, depth, view, &progress)?;
        drop(progress);
        output.print(&report)?;
        Ok(Outcome::Good)
    }
}
