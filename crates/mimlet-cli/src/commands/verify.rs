//! `mimlet verify`: the acceptance test that travels inside a file, run here.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use mimlet_runtime::acceptance;
use serde::Serialize;

use crate::backend::{BackendArgs, Choice};
use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::progress::Progress;
use crate::signature::{SignatureArgs, SignatureReport};
use crate::table::Facts;
use crate::units::{count, hex};
use crate::verdict::VerdictReport;

/// Arguments of `mimlet verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The .mim file
    file: PathBuf,
    #[command(flatten)]
    signature: SignatureArgs,
    #[command(flatten)]
    backend: BackendArgs,
}

/// What `mimlet verify` prints.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    hash: String,
    signature: Option<SignatureReport>,
    backend: Choice,
    #[serde(flatten)]
    verdict: VerdictReport,
}

impl VerifyArgs {
    /// Runs the file's acceptance test; fails when it does not pass.
    pub(crate) fn run(self, output: Output) -> Result<Outcome, Error> {
        let file = self.signature.open(&self.file)?;
        let model = file.model();
        SignatureArgs::check_own(&self.file, &model)?;
        let mut session = self.backend.open(&model)?;
        let progress = Progress::unknown("running the acceptance test");
        let verdict = acceptance::run(&model, &mut session.encoder)?;
        drop(progress);
        let thresholds = &model.manifest().acceptance.thresholds;
        let report = Report {
            file: self.file.display().to_string(),
            hash: hex(&model.hash()),
            signature: self.signature.report(&model),
            backend: session.choice,
            verdict: VerdictReport::new(&verdict, thresholds),
        };
        output.print(&report)?;
        Ok(Outcome::of_check(&report.file, &verdict.failures))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut facts = Facts::new();
        facts.fact("file", &self.file).fact("hash", &self.hash);
        if let Some(signature) = &self.signature {
            facts.fact("signature", signature.to_string());
        }
        facts.fact("backend", self.backend.to_string());
        let images = count(self.verdict.golden_images.into(), "golden image");
        let passed = if self.verdict.passed {
            "PASSED"
        } else {
            "FAILED"
        };
        write!(f, "{facts}\n{}\n{passed} on {images}\n", self.verdict)
    }
}
