//! `mimlet keygen`: a pair of keys to sign models with.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use mimlet_format::SecretKey;
use serde::Serialize;

use crate::error::Error;
use crate::key_files::write_pair;
use crate::output::{Outcome, Output};
use crate::table::Facts;

/// Arguments of `mimlet keygen`.
#[derive(Debug, Args)]
pub(crate) struct KeygenArgs {
    /// The secret key's file, which only you can read; the public key's is KEY.pub. Neither may be
    /// there
    #[arg(short, long, value_name = "KEY")]
    output: PathBuf,
}

/// What `mimlet keygen` prints.
#[derive(Debug, Serialize)]
struct Report {
    secret_key: String,
    public_key: String,
    /// The public key, hexadecimal.
    key: String,
}

impl KeygenArgs {
    /// Makes a pair from the system's randomness and writes both files.
    pub(crate) fn run(self, output: Output) -> Result<Outcome, Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|error| Error::new(format_args!("the system gives no randomness: {error}")))?;
        let key = SecretKey::from_seed(seed);
        let public = write_pair(&self.output, &key)?;
        output.print(&Report {
            secret_key: self.output.display().to_string(),
            public_key: public.display().to_string(),
            key: key.public().to_string(),
        })?;
        Ok(Outcome::Good)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut facts = Facts::new();
        facts
            .fact(
                "secret key",
                format!("{}: keep it to yourself", self.secret_key),
            )
            .fact(
                "public key",
                format!("{}: give it to whoever is to verify", self.public_key),
            )
            .fact("key", &self.key);
        write!(f, "{facts}")
    }
}
