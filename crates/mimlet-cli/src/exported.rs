//! An export as it is printed.

use std::fmt;
use std::path::Path;

use mimlet_export::{ExportError, ExportOptions, Exported, FloatCodebook, FloatModel, export};
use serde::Serialize;

use crate::destination::Destination;
use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::progress::Progress;
use crate::table::Facts;
use crate::units::{bytes, count, percent};

/// What was written, or why nothing was.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    bytes: Option<u64>,
    hash: Option<String>,
    passed: bool,
    failures: Vec<String>,
    report: Option<mimlet_export::Report>,
}

/// Exports a model, writes the file when it passes, and prints what happened.
///
/// # Errors
/// What [`export`] and the system say.
pub(crate) fn write(
    model: &FloatModel,
    codebook: Option<&FloatCodebook>,
    options: ExportOptions<'_>,
    destination: &Destination,
    output: Output,
) -> Result<Outcome, Error> {
    let progress = Progress::stages();
    let tell = |stage: &str, share: f32| progress.stage(stage, share);
    let options = ExportOptions {
        progress: Some(&tell),
        ..options
    };
    let exported = export(model, codebook, &options);
    drop(progress);
    let report = match exported {
        Ok(exported) => {
            destination.write(&exported.bytes)?;
            Report::written(destination.path(), exported)
        }
        // These are checks that failed, not bad input.
        Err(error @ (ExportError::Rejected { .. } | ExportError::TargetRefuses { .. })) => {
            Report::refused(destination.path(), &error)
        }
        Err(error) => return Err(error.into()),
    };
    output.print(&report)?;
    Ok(Outcome::of_check(
        &format!("{} is not written", report.file),
        &report.failures,
    ))
}

impl Report {
    fn written(path: &Path, exported: Exported) -> Self {
        Self {
            file: path.display().to_string(),
            bytes: Some(exported.report.bytes),
            hash: Some(exported.report.hash.clone()),
            passed: true,
            failures: Vec::new(),
            report: Some(exported.report),
        }
    }

    fn refused(path: &Path, error: &ExportError) -> Self {
        Self {
            file: path.display().to_string(),
            bytes: None,
            hash: None,
            passed: false,
            failures: vec![error.to_string()],
            report: None,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(report) = &self.report else {
            // The line on stderr says it all.
            return Ok(());
        };
        let mut facts = Facts::new();
        facts
            .fact("wrote", format!("{}, {}", self.file, bytes(report.bytes)))
            .fact("hash", &report.hash)
            .fact(
                "memory",
                format!(
                    "{} weights ({}), {} buffers",
                    bytes(report.weight_bytes),
                    report.scheme,
                    bytes(report.activation_bytes)
                ),
            )
            .fact("accepted", accepted(report));
        if let Some(target) = &report.target {
            let up_to = report.target_largest_image.map_or(String::new(), |side| {
                format!(", as it would up to {side} x {side} pixels")
            });
            facts.fact("target", format!("fits {target}{up_to}"));
        }
        if let Some(worst) = &report.worst_layer {
            let found = report.layers.iter().find(|layer| layer.tensor == *worst);
            let snr = found.and_then(|layer| layer.output_snr_db);
            let snr = snr.map_or(String::new(), |snr| format!(", {snr:.1} dB"));
            facts.fact("worst layer", format!("{worst}{snr}"));
        }
        if !report.ignored.is_empty() {
            let ignored = count(report.ignored.len() as u64, "tensor");
            facts.fact(
                "left out",
                format!("{ignored} that an encoder has no use for"),
            );
        }
        for note in &report.notes {
            facts.fact("note", note);
        }
        facts.fmt(f)
    }
}

/// The acceptance test's outcome in a line.
fn accepted(report: &mimlet_export::Report) -> String {
    let (verdict, limits) = (&report.verdict, &report.thresholds);
    let mut text = format!(
        "{}: lowest cosine {:.6} (at least {})",
        count(report.golden_images as u64, "golden image"),
        verdict.min_cosine,
        limits.min_cosine
    );
    if let Some(agreement) = verdict.token_agreement {
        text += &format!(
            ", tokens {} (at least {}), {}",
            percent(agreement),
            percent(limits.min_token_agreement.into()),
            count(verdict.wide_margin_flips.into(), "wide-margin flip")
        );
    }
    if let Some(tcas) = verdict.tcas {
        text += &format!(", TCAS {tcas:.4}");
    }
    text
}
