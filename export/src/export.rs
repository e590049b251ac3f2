//! The whole way: calibrate, quantise, pack, verify.

use crate::choice::{self, Choice};
use crate::draft::{Drafted, draft};
use crate::drift;
use crate::float_run::Answer;
use crate::model::Weights;
use crate::own::PackedAnswers;
use crate::pack::{Draft, scheme_name, threads};
use crate::report::{OriginReport, Report, ThresholdsReport, VerdictReport, worst};
use crate::thresholds::{MarginChange, Measured};
use crate::{ExportError, FloatCodebook, FloatModel, GoldenImage, Shape, Target, thresholds};
use mimlet_format::{AlignedBytes, DType, GROUP_SIZES, Model, Preprocess, Scheme, Thresholds};
use mimlet_runtime::{Encoder, acceptance};
use std::fmt;
use std::time::Instant;

/// Hears how an export goes: the stage, and how much of it is done, 0..1.
pub type Progress<'a> = &'a dyn Fn(&str, f32);

/// How to export a model.
pub struct ExportOptions<'a> {
    /// How the linear layers are stored.
    pub scheme: Scheme,
    /// How a photo becomes the encoder's input.
    pub preprocess: Preprocess,
    /// Inputs that share a scale of 4-bit weights, 32 or 64: fewer keep more tokens, more make a file
    /// smaller by a quarter of a bit a weight.
    pub group: u32,
    /// Bytes that the file may have. Scheme mixed makes the best of them; others may be refused.
    pub budget: Option<u64>,
    /// How the codebook's centroids are stored: f32, f16, or i8 with a scale for each.
    pub codebook_type: DType,
    /// Images to judge and calibrate with, at the model's input size. Up to 16 of them (where there
    /// are more classes, one for each, up to 64) go into the file, taken class by class in turn; up
    /// to 16 others calibrate, 48 where layers may have 4 bits. With too few the golden ones do both.
    pub golden: Vec<GoldenImage>,
    /// Names of the classes that labels point into; empty without labels.
    pub class_names: Vec<String>,
    /// What the file must reach; `None` for the scheme's own bounds.
    pub thresholds: Option<Thresholds>,
    /// Share of tokens that must be the float model's, 0..1, among the scheme's own bounds; `None` for
    /// 0.99 (int4: 0.97), or 0.9 when the weights come from no checkpoint, because random features
    /// lie between centroids more often than trained ones. Scheme mixed without a budget looks for
    /// the smallest file that keeps it.
    pub min_token_agreement: Option<f32>,
    /// A device the model must fit.
    pub target: Option<Target>,
    /// Called with the stage and how much of it is done, 0..1.
    pub progress: Option<Progress<'a>>,
}

impl ExportOptions<'_> {
    /// A scheme and a preprocessing; everything else empty.
    #[must_use]
    pub fn new(scheme: Scheme, preprocess: Preprocess) -> Self {
        Self {
            scheme,
            preprocess,
            group: GROUP_SIZES[0],
            budget: None,
            codebook_type: DType::F32,
            golden: Vec::new(),
            class_names: Vec::new(),
            thresholds: None,
            min_token_agreement: None,
            target: None,
            progress: None,
        }
    }

    /// The shape of the file to be made, before any weight is stored.
    fn shape(&self, model: &FloatModel, codebook: Option<&FloatCodebook>) -> Shape {
        let codebook = codebook.map(FloatCodebook::entry);
        let mut shape = Shape::new(model.encoder.clone(), codebook, self.scheme);
        shape.golden_images = shape.golden_images.min(self.golden.len() as u32);
        shape.half_patch_embedding = self.patch_embedding() != Scheme::F32;
        shape
    }

    /// How the patch embedding is stored: by the scheme, but in f32 for a target without f16.
    pub(crate) fn patch_embedding(&self) -> Scheme {
        match &self.target {
            Some(target) if !target.takes_f16() => Scheme::F32,
            _ => self.scheme,
        }
    }

    /// Holds the options themselves to what is possible.
    fn check(&self) -> Result<(), ExportError> {
        let refuse = |field, reason| Err(ExportError::Config { field, reason });
        if !GROUP_SIZES.contains(&self.group) {
            return refuse("group", format!("is {}; it must be 32 or 64", self.group));
        }
        let agreement = self.min_token_agreement;
        if agreement.is_some_and(|agreement| !(0.0..=1.0).contains(&agreement)) {
            let reason = format!("is {}; it must be 0 to 1", agreement.unwrap_or_default());
            return refuse("min-agreement", reason);
        }
        if !matches!(self.codebook_type, DType::F32 | DType::F16 | DType::I8) {
            let reason = format!("is {}; it must be f32, f16 or i8", self.codebook_type);
            return refuse("codebook type", reason);
        }
        Ok(())
    }

    fn check_budget(&self, bytes: u64) -> Result<(), ExportError> {
        match self.budget {
            Some(budget) if bytes > budget => Err(ExportError::Config {
                field: "budget",
                reason: format!(
                    "is {budget} bytes; the file would be {bytes}, choose a narrower scheme or mixed"
                ),
            }),
            _ => Ok(()),
        }
    }

    pub(crate) fn report_progress(&self, stage: &str, share: f32) {
        if let Some(progress) = self.progress {
            progress(stage, share);
        }
    }
}

impl fmt::Debug for ExportOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportOptions")
            .field("scheme", &self.scheme)
            .field("golden", &self.golden.len())
            .finish_non_exhaustive()
    }
}

/// A file that has passed its own acceptance test, and what is known of it.
#[derive(Debug, Clone)]
pub struct Exported {
    /// The file's bytes; [`mimlet_format::write_atomically`] writes them.
    pub bytes: AlignedBytes,
    /// What the export found out.
    pub report: Report,
}

/// Exports a model: runs it in f32 for the answers of its acceptance test, stores its layers by the
/// scheme on the way, packs both, and has the packed file pass its test on this machine.
///
/// The same arguments give the same bytes.
///
/// # Errors
/// [`ExportError`]; among others [`ExportError::Rejected`] when the packed model misses what its
/// thresholds ask for. Nothing is written in any case: that is the caller's part.
pub fn export(
    model: &FloatModel,
    codebook: Option<&FloatCodebook>,
    options: &ExportOptions<'_>,
) -> Result<Exported, ExportError> {
    model.check()?;
    run((model, Weights::Lent(&model.weights)), codebook, options)
}

/// As [`export`], to the same bytes, of a model that is not needed afterwards: each block's weights
/// are freed as soon as they are stored, so that the model and the file are never both in memory.
///
/// # Errors
/// As [`export`].
pub fn export_owned(
    mut model: FloatModel,
    codebook: Option<&FloatCodebook>,
    options: &ExportOptions<'_>,
) -> Result<Exported, ExportError> {
    model.check()?;
    let weights = Weights::Given(std::mem::take(&mut model.weights));
    run((&model, weights), codebook, options)
}

/// `model` may be without its weights.
fn run(
    (model, mut weights): (&FloatModel, Weights<'_>),
    codebook: Option<&FloatCodebook>,
    options: &ExportOptions<'_>,
) -> Result<Exported, ExportError> {
    let start = Instant::now();
    if let Some(codebook) = codebook {
        codebook.check(&model.encoder, &options.preprocess)?;
    }
    options.check()?;
    let shape = options.shape(model, codebook);
    if let Some(target) = options
        .target
        .as_ref()
        .filter(|_| options.scheme != Scheme::Mixed)
    {
        target.admits(&shape)?;
    }
    let classes = options.class_names.len();
    let calibration = choice::calibration(&model.encoder, options.scheme);
    let size = model.encoder.image_size;
    let choice = Choice::of(&options.golden, size, classes, calibration)?;
    let drafted = draft((model, &mut weights), codebook, options, &choice)?;
    drop(weights);
    let Drafted {
        mut draft,
        layers,
        answers,
        mut notes,
    } = drafted;
    let float_tcas = thresholds::float_tcas(&answers, &choice.labels, classes, codebook)
        .filter(|_| !choice.labels.is_empty());
    let measured = measure(&mut draft, &answers, float_tcas)?;
    let thresholds = match &options.thresholds {
        Some(thresholds) => thresholds.clone(),
        None => own_thresholds(&draft, &measured),
    };
    options.report_progress("verify", 0.0);
    let bytes = draft.seal(thresholds.clone())?;
    options.check_budget(bytes.len() as u64)?;
    let proof = draft.verify(&bytes)?;
    options.report_progress("verify", 1.0);
    notes.extend(self::notes(model, codebook));
    let report = Report {
        name: model.name.clone(),
        scheme: scheme_name(options.scheme),
        bytes: bytes.len() as u64,
        origin: OriginReport::of(model),
        hash: proof.hash,
        sizes: proof.sizes,
        weight_bytes: proof.plan.weight_bytes(),
        activation_bytes: proof.plan.activation_bytes(),
        golden_images: choice.golden,
        calibration_images: choice.calibration.len(),
        worst_layer: worst(&layers).map(|layer| layer.tensor.clone()),
        layers,
        verdict: VerdictReport::from(&proof.verdict),
        images: proof.images,
        margins: proof.margins,
        float_tcas,
        wide_margin_share: codebook.map(|_| wide_share(&answers, thresholds.wide_margin)),
        thresholds: ThresholdsReport::from(&thresholds),
        target: options.target.as_ref().map(|target| target.name.clone()),
        target_largest_image: options
            .target
            .as_ref()
            .and_then(|target| target.largest_image(&shape)),
        ignored: model.ignored.clone(),
        notes,
        seconds: start.elapsed().as_secs_f64(),
    };
    judged(bytes, report, options.min_token_agreement)
}

/// The file, if it passed.
fn judged(
    bytes: AlignedBytes,
    mut report: Report,
    asked: Option<f32>,
) -> Result<Exported, ExportError> {
    let found = report.verdict.token_agreement;
    if let (Some(asked), Some(found)) = (asked.map(f64::from), found)
        && found < asked
    {
        let failure = format!("token agreement {found:.4} is below the {asked:.4} asked for");
        report.verdict.failures.push(failure);
    }
    if report.passed() {
        return Ok(Exported { bytes, report });
    }
    Err(ExportError::Rejected {
        scheme: report.scheme,
        failures: report.verdict.failures.clone(),
        report: Some(Box::new(report)),
    })
}

/// What a reader should know of the checkpoint and the codebook.
fn notes(model: &FloatModel, codebook: Option<&FloatCodebook>) -> Vec<String> {
    let of_codebook = codebook.and_then(|codebook| codebook.note(model));
    model.notes.iter().cloned().chain(of_codebook).collect()
}

/// Runs the packed model on its golden images, and puts into the draft what comes of that: the model's
/// own answers, and what drift is measured against.
fn measure(
    draft: &mut Draft<'_>,
    answers: &[Answer],
    float_tcas: Option<f64>,
) -> Result<Measured, ExportError> {
    draft.options.report_progress("measure", 0.0);
    let bytes = draft.seal(thresholds::none())?;
    let packed = Model::parse(&bytes)?;
    let mut encoder = Encoder::on_cpu(&packed, threads())?;
    let mut change = MarginChange::new(draft.codebook, answers);
    let mut packed_answers = PackedAnswers::new(draft.model.encoder.embed_dim as usize);
    let mut float_answers = answers.iter();
    let verdict = acceptance::run_seen(&packed, &mut encoder, |found| {
        change.see(found);
        if let Some(answer) = float_answers.next() {
            packed_answers.see(&found.patches, answer);
        }
    })?;
    if !change.largest.is_finite() {
        return Err(ExportError::Rejected {
            scheme: scheme_name(draft.options.scheme),
            failures: vec!["its features are not finite".to_owned()],
            report: None,
        });
    }
    packed_answers.round(&packed, &mut encoder, answers)?;
    draft.options.report_progress("measure", 0.5);
    // What images without meaning look like says nothing about a camera.
    if let Some(codebook) = draft.codebook.filter(|_| !draft.is_random()) {
        let images: Vec<&[u8]> = draft.options.golden.iter().map(|i| &i.pixels[..]).collect();
        let encoder_of = &draft.model.encoder;
        draft.drift = drift::reference(&mut encoder, encoder_of, &codebook.entry(), &images)?;
    }
    draft.put_own(&packed_answers);
    draft.options.report_progress("measure", 1.0);
    Ok(Measured {
        margin_change: change.largest,
        min_cosine: verdict.min_cosine,
        float_tcas,
    })
}

/// The scheme's own thresholds, from how far the packed model is from the float model.
fn own_thresholds(draft: &Draft<'_>, measured: &Measured) -> Thresholds {
    let mut thresholds = thresholds::choose(draft.options.scheme, draft.codebook, measured);
    thresholds.min_token_agreement = match draft.options.min_token_agreement {
        Some(agreement) => thresholds::on_devices(agreement),
        None if draft.is_random() => thresholds::RANDOM_AGREEMENT,
        None => thresholds::min_agreement(draft.options.scheme),
    };
    thresholds
}

/// Share of golden patches with a wide margin.
fn wide_share(answers: &[Answer], wide_margin: f32) -> f64 {
    let margins = answers.iter().flat_map(|answer| &answer.margins);
    let wide = margins.clone().filter(|margin| **margin >= wide_margin);
    wide.count() as f64 / margins.count().max(1) as f64
}

#[cfg(test)]
mod tests;
