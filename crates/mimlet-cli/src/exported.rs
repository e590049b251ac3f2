//! An export as it is printed, and as its report is written.

use std::fmt;
use std::path::{Path, PathBuf};

use mimlet_export::{ExportOptions, FloatCodebook, FloatModel, export_owned};
use serde::Serialize;

use crate::destination::Destination;
use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::progress::Progress;
use crate::table::Facts;
use crate::units::{bytes, count, percent};

/// Where the file and its reports go.
#[derive(Debug)]
pub(crate) struct Place {
    file: Destination,
    reports: Vec<(Destination, Form)>,
}

/// What a report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Page,
    Data,
}

impl Place {
    /// Makes sure that all of them can be written.
    ///
    /// # Errors
    /// A line naming the path and what to do; among others for a report that is neither `.html` nor
    /// `.json`.
    pub(crate) fn new(file: &Path, reports: &[PathBuf]) -> Result<Self, Error> {
        let report = |path: &PathBuf| {
            let extension = path.extension().and_then(|extension| extension.to_str());
            let form = match extension {
                Some("html" | "htm") => Form::Page,
                Some("json") => Form::Data,
                _ => {
                    return Err(Error::file(
                        path,
                        "--report writes .html or .json; name it so",
                    ));
                }
            };
            Ok((Destination::new(path)?, form))
        };
        Ok(Self {
            file: Destination::new(file)?,
            reports: reports.iter().map(report).collect::<Result<_, _>>()?,
        })
    }

    fn write_reports(&self, report: &mimlet_export::Report) -> Result<(), Error> {
        for (destination, form) in &self.reports {
            let text = match form {
                Form::Page => report.to_html(),
                Form::Data => serde_json::to_string_pretty(report)? + "\n",
            };
            destination.write(text.as_bytes())?;
        }
        Ok(())
    }
}

/// What was written, or why nothing was.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    bytes: Option<u64>,
    hash: Option<String>,
    passed: bool,
    failures: Vec<String>,
    report: Option<mimlet_export::Report>,
    /// Files of `--report`.
    #[serde(skip)]
    written: Vec<String>,
}

/// Exports a model, writes the file when it passes and its reports in any case, and prints what
/// happened.
///
/// # Errors
/// What the export and the system say.
pub(crate) fn write(
    model: FloatModel,
    codebook: Option<&FloatCodebook>,
    options: ExportOptions<'_>,
    place: &Place,
    output: Output,
) -> Result<Outcome, Error> {
    let progress = Progress::stages();
    let tell = |stage: &str, share: f32| progress.stage(stage, share);
    let options = ExportOptions {
        progress: Some(&tell),
        ..options
    };
    let exported = export_owned(model, codebook, &options);
    drop(progress);
    let (report, failures) = match exported {
        Ok(exported) => {
            place.file.write(&exported.bytes)?;
            (Some(exported.report), Vec::new())
        }
        // These are checks that failed, not bad input.
        Err(error) if error.is_refusal() => {
            let failures = vec![error.to_string()];
            (error.into_report(), failures)
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(report) = &report {
        place.write_reports(report)?;
    }
    let report = Report::new(place, report, failures);
    output.print(&report)?;
    Ok(Outcome::of_check(
        &format!("{} is not written", report.file),
        &report.failures,
    ))
}

impl Report {
    fn new(place: &Place, report: Option<mimlet_export::Report>, failures: Vec<String>) -> Self {
        let passed = failures.is_empty();
        let written = report.as_ref().filter(|_| passed);
        let name =
            |(destination, _): &(Destination, Form)| destination.path().display().to_string();
        Self {
            file: place.file.path().display().to_string(),
            bytes: written.map(|report| report.bytes),
            hash: written.map(|report| report.hash.clone()),
            passed,
            failures,
            written: match &report {
                Some(_) => place.reports.iter().map(name).collect(),
                None => Vec::new(),
            },
            report,
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
        if self.passed {
            facts
                .fact("wrote", format!("{}, {}", self.file, bytes(report.bytes)))
                .fact("hash", &report.hash);
        }
        facts
            .fact("size", size(report))
            .fact(
                "memory",
                format!(
                    "{} weights ({}), {} buffers",
                    bytes(report.weight_bytes),
                    report.scheme,
                    bytes(report.activation_bytes)
                ),
            )
            .fact(
                if self.passed { "accepted" } else { "refused" },
                accepted(report),
            );
        if let Some(target) = &report.target {
            let up_to = report.target_largest_image.map_or(String::new(), |side| {
                format!(", as it would up to {side} x {side} pixels")
            });
            facts.fact("target", format!("fits {target}{up_to}"));
        }
        if let Some(worst) = &report.worst_layer {
            facts.fact("worst layer", format!("{worst}{}", noise(report, worst)));
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
        for file in &self.written {
            facts.fact("report", file);
        }
        facts.fmt(f)
    }
}

/// What the file is spent on, in a line.
fn size(report: &mimlet_export::Report) -> String {
    let sizes = &report.sizes;
    format!(
        "{:.3} bits for each bit stored: weights {}, scales {}, codebook {}, acceptance test {}",
        sizes.overhead,
        bytes(sizes.weights),
        bytes(sizes.scales),
        bytes(sizes.codebook),
        bytes(sizes.golden)
    )
}

/// How far a layer's output is from its float original's.
fn noise(report: &mimlet_export::Report, tensor: &str) -> String {
    let layer = report.layers.iter().find(|layer| layer.tensor == tensor);
    let snr = layer.and_then(|layer| layer.output_snr_db.map(|snr| (snr, layer.output_cosine)));
    snr.map_or(String::new(), |(snr, cosine)| {
        format!(", output at {snr:.1} dB, cosine {cosine:.6}")
    })
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
