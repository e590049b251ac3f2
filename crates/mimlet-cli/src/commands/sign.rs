//! `mimlet sign`: a signature into a file.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use mimlet_format::ModelFile;
use serde::Serialize;

use crate::destination::Destination;
use crate::error::Error;
use crate::key_files::read_secret;
use crate::output::{Outcome, Output};
use crate::table::Facts;
use crate::units::hex;

/// Arguments of `mimlet sign`.
#[derive(Debug, Args)]
pub(crate) struct SignArgs {
    /// The .mim file
    file: PathBuf,
    /// The secret key, of `mimlet keygen`
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
    /// Write the signed file here [default: in place of FILE]
    #[arg(short, long, value_name = "OUTPUT")]
    output: Option<PathBuf>,
}

/// What `mimlet sign` prints.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    hash: String,
    /// The public key of the pair, hexadecimal.
    key: String,
    /// The key whose signature was there before.
    replaced: Option<String>,
    bytes: u64,
}

impl SignArgs {
    /// Signs a file that has passed every check of the reader; its content stays as it is.
    pub(crate) fn run(self, output: Output) -> Result<Outcome, Error> {
        let key = read_secret(&self.key)?;
        let destination = Destination::new(self.output.as_ref().unwrap_or(&self.file))?;
        let file = ModelFile::open(&self.file)?;
        let model = file.model();
        let signed = model.to_signed(&key);
        let report = Report {
            file: destination.path().display().to_string(),
            hash: hex(&model.hash()),
            key: key.public().to_string(),
            replaced: model.signature().map(|block| hex(&block.key)),
            bytes: signed.len() as u64,
        };
        // Unmapped first: not every system replaces a file that is mapped.
        drop(file);
        destination.write(&signed)?;
        output.print(&report)?;
        Ok(Outcome::Good)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut facts = Facts::new();
        facts
            .fact("file", &self.file)
            .fact("hash", &self.hash)
            .fact("signed by", &self.key);
        if let Some(key) = &self.replaced {
            facts.fact("replaced", key);
        }
        write!(f, "{facts}")
    }
}
