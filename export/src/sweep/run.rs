//! A sweep, candidate by candidate.

use super::folder::Folder;
use super::latency::race;
use super::{Candidate, Machine, Point, Quality, Sweep};
use crate::pack::threads;
use crate::{ExportError, ExportOptions, Exported, FloatCodebook, FloatModel, Progress, export};
use mimlet_format::{CodebookSpace, DType, ModelFile};
use std::cell::Cell;
use std::path::Path;

/// Exports a model by every candidate and leaves in a folder: `<name>.<candidate>.mim` of those that
/// pass their acceptance test, a page for each, and `sweep.html`, `pareto.svg` and `sweep.json` that
/// compare them. A candidate that is refused ends nothing.
///
/// The folder is made, or is empty, or holds an earlier sweep. Scheme, group and codebook type of the
/// options are the candidates'.
///
/// # Errors
/// [`ExportError`] where the model or the options are at fault rather than a candidate, and
/// [`ExportError::Write`] or [`ExportError::Content`] for the folder.
pub fn sweep(
    model: &FloatModel,
    codebook: Option<&FloatCodebook>,
    options: ExportOptions<'_>,
    candidates: &[Candidate],
    folder: &Path,
) -> Result<Sweep, ExportError> {
    let folder = Folder::prepare(folder, &model.name)?;
    let mut candidates = candidates.to_vec();
    // Without a codebook they would be tried twice.
    candidates.retain(|one| codebook.is_some() || one.codebook_type == DType::F32);
    let tell = options.progress.unwrap_or(&|_, _| {});
    let current = Cell::new(0);
    let tell_candidate = |stage: &str, share: f32| {
        let (index, all) = (current.get(), candidates.len());
        let name = &candidates[index].name;
        tell(&format!("{name} ({} of {all}), {stage}", index + 1), share);
    };
    let mut options = ExportOptions {
        progress: Some(&tell_candidate),
        ..options
    };
    let mut points = Vec::new();
    for (index, candidate) in candidates.iter().enumerate() {
        current.set(index);
        candidate.apply(&mut options);
        points.push(try_out(
            candidate,
            export(model, codebook, &options),
            &folder,
        )?);
    }
    time(&mut points, &folder, tell)?;
    let mut sweep = Sweep {
        name: model.name.clone(),
        source: model.source.clone(),
        machine: Machine::here(),
        quality: quality(codebook),
        points,
    };
    sweep.mark_fronts();
    folder.finish(&sweep)?;
    Ok(sweep)
}

/// Tokens of pixels do not depend on the weights.
fn quality(codebook: Option<&FloatCodebook>) -> Quality {
    match codebook.map(|codebook| codebook.space) {
        Some(CodebookSpace::Features) => Quality::TokenAgreement,
        Some(CodebookSpace::Pixels) | None => Quality::MeanCosine,
    }
}

/// Writes what came of a candidate.
fn try_out(
    candidate: &Candidate,
    exported: Result<Exported, ExportError>,
    folder: &Folder,
) -> Result<Point, ExportError> {
    folder.clear(&candidate.name)?;
    let mut point = Point {
        name: candidate.name.clone(),
        passed: false,
        failures: Vec::new(),
        file: None,
        hash: None,
        page: None,
        bytes: None,
        token_agreement: None,
        min_cosine: None,
        mean_cosine: None,
        latencies: Vec::new(),
        on_size_front: false,
        on_latency_front: false,
        report: None,
    };
    match exported {
        Ok(exported) => {
            point.passed = true;
            point.file = Some(folder.write(&candidate.name, "mim", &exported.bytes)?);
            point.hash = Some(exported.report.hash.clone());
            point.report = Some(exported.report);
        }
        Err(error) if is_of_candidate(&error) => {
            point.failures = error.failures();
            point.report = error.into_report();
        }
        Err(error) => return Err(error),
    }
    if let Some(report) = &point.report {
        point.page = Some(folder.write(&candidate.name, "html", report.to_html().as_bytes())?);
        point.bytes = Some(report.bytes);
        point.token_agreement = report.verdict.token_agreement;
        // What is no number has no place in a comparison, nor in JSON.
        let number = |value: f64| Some(value).filter(|value| value.is_finite());
        point.min_cosine = number(report.verdict.min_cosine);
        point.mean_cosine = number(report.verdict.mean_cosine);
    }
    Ok(point)
}

/// Whether another candidate may do better.
fn is_of_candidate(error: &ExportError) -> bool {
    let is_too_wide = matches!(
        error,
        ExportError::Overflow { .. }
            | ExportError::Config {
                field: "budget",
                ..
            }
    );
    error.is_refusal() || is_too_wide
}

/// Times the files of those that passed, as they lie on the disk; one that does not give its
/// verified output again has not passed after all.
fn time(points: &mut [Point], folder: &Folder, tell: Progress<'_>) -> Result<(), ExportError> {
    let mut passed: Vec<&mut Point> = points.iter_mut().filter(|point| point.passed).collect();
    let paths = passed.iter().filter_map(|point| point.file.as_deref());
    let files = paths
        .map(|name| ModelFile::open(folder.path(name)))
        .collect::<Result<Vec<_>, _>>()?;
    let mut counts = vec![threads(), 1];
    counts.dedup();
    let outcomes = race(&files, &counts, &|share| tell("timing", share))?;
    drop(files);
    for (point, outcome) in passed.iter_mut().zip(outcomes) {
        match outcome {
            Ok(latencies) => point.latencies = latencies,
            Err(failure) => {
                point.passed = false;
                point.failures.push(failure);
                point.file = None;
                point.hash = None;
                folder.clear(&point.name)?;
                point.page = None;
            }
        }
    }
    Ok(())
}
