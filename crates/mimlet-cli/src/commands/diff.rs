//! `mimlet diff`: what two files have in common, and how far apart their outputs are.

mod fields;
mod fold;
mod outputs;
mod report;
mod tensors;

use std::path::PathBuf;

use clap::Args;
use mimlet_format::ModelFile;

use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::terminal::Canvas;
use crate::units::hex;

use outputs::Run;
use report::{Report, Side};

/// Arguments of `mimlet diff`.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The .mim file to compare with
    a: PathBuf,
    /// The .mim file that is compared
    b: PathBuf,
    /// Photos to run both on [default: the golden images of A]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// List every tensor that differs, not only those that differ most
    #[arg(long)]
    all: bool,
}

impl DiffArgs {
    /// Compares configuration, tensors and outputs. As with diff(1), a difference is no error but
    /// exit code 1.
    pub(crate) fn run(self, output: Output) -> Result<Outcome, Error> {
        let files = [ModelFile::open(&self.a)?, ModelFile::open(&self.b)?];
        let [a, b] = [files[0].model(), files[1].model()];
        let equal = a.hash() == b.hash();
        let side = |path: &PathBuf, model: &mimlet_format::Model<'_>| Side {
            file: path.display().to_string(),
            hash: hex(&model.hash()),
            bytes: model.bytes().len() as u64,
        };
        let mut report = Report {
            equal,
            a: side(&self.a, &a),
            b: side(&self.b, &b),
            fields: Vec::new(),
            tensors: Vec::new(),
            outputs: None,
            no_outputs: None,
            canvas: Canvas::stdout(),
            all: self.all,
        };
        if equal {
            report.no_outputs = Some("the files are equal".to_string());
        } else {
            report.fields = fields::changes(a.manifest(), b.manifest())?;
            report.tensors = tensors::compare(&a, &b);
            match Run::new(&a, &b, self.data.as_deref())? {
                Ok(run) => report.outputs = Some(run.compare(&a, &b)?),
                Err(reason) => report.no_outputs = Some(reason),
            }
        }
        output.print(&report)?;
        Ok(if equal {
            Outcome::Good
        } else {
            Outcome::Different
        })
    }
}
