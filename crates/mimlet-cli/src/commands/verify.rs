//! `mimlet verify`: the acceptance test that travels inside a file, run here.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use mimlet_format::Model;
use mimlet_runtime::acceptance::{self, Verdict};
use mimlet_session::{NothingPasses, Report as Climb};
use serde::Serialize;

use crate::backend::{BackendArgs, Choice};
use crate::error::Error;
use crate::ladder::LadderReport;
use crate::output::{Outcome, Output};
use crate::progress::Progress;
use crate::signature::{SignatureArgs, SignatureReport};
use crate::table::Facts;
use crate::terminal::Canvas;
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
    /// Every backend's standing, when the choice was left to this program.
    #[serde(skip_serializing_if = "Option::is_none")]
    ladder: Option<LadderReport>,
}

impl VerifyArgs {
    /// Runs the file's acceptance test, whatever earlier starts found; fails when it does not pass on
    /// the backend asked for, or on none of those that there are to choose from.
    pub(crate) fn run(self, output: Output) -> Result<Outcome, Error> {
        let file = self.signature.open(&self.file)?;
        let model = file.model();
        SignatureArgs::check_own(&self.file, &model)?;
        let (verdict, backend, ladder) = match self.backend.asked_for()? {
            Some(rung) => {
                let mut encoder = rung.encoder(&model).map_err(Error::new)?;
                let _progress = Progress::unknown("running the acceptance test");
                let verdict = acceptance::run(&model, &mut encoder)?;
                let reason = "asked for".to_owned();
                let name = encoder.describe();
                (verdict, Choice { name, reason }, None)
            }
            None => self.climb(&model)?,
        };
        let report = Report {
            file: self.file.display().to_string(),
            hash: hex(&model.hash()),
            signature: self.signature.report(&model),
            backend,
            verdict: VerdictReport::new(&verdict, &model.manifest().acceptance),
            ladder: ladder.as_ref().map(LadderReport::new),
        };
        output.print(&report)?;
        Ok(Outcome::of_check(&report.file, &verdict.failures))
    }

    /// The verdict on the fastest backend that passes; on the first that got to one when none does.
    fn climb(&self, model: &Model<'_>) -> Result<(Verdict, Choice, Option<Climb>), Error> {
        let _progress = Progress::unknown("running the acceptance test on each backend");
        let report = match self.backend.ladder().asking_anew().climb(model) {
            Ok(climbed) => climbed.report,
            Err(nothing) => nothing.0,
        };
        let judged = report
            .rungs
            .iter()
            .filter(|rung| rung.tried.trial().is_some());
        let (kept, reason) = match report.kept() {
            Some(kept) => (Some(kept), "the fastest that passed"),
            None => (judged.into_iter().next(), "none passed"),
        };
        let found =
            kept.and_then(|rung| Some((rung.name.clone(), rung.tried.trial()?.verdict.clone())));
        let Some((name, verdict)) = found else {
            return Err(Error::file(&self.file, NothingPasses(report)));
        };
        let reason = reason.to_owned();
        Ok((verdict, Choice { name, reason }, Some(report)))
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
        write!(f, "{facts}\n{}\n", self.verdict)?;
        if let Some(ladder) = &self.ladder {
            writeln!(f, "{}", ladder.within(Canvas::stdout().width))?;
        }
        writeln!(f, "{passed} on {images}")
    }
}
