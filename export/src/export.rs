//! The whole way: calibrate, quantise, pack, verify.

use crate::choice::Choice;
use crate::float_run::{Answer, Centroids, FloatRun};
use crate::pack::{Draft, scheme_name, threads};
use crate::report::{LayerReport, OriginReport, Report, ThresholdsReport, VerdictReport, worst};
use crate::tensors::{self, Tensors};
use crate::thresholds::Measured;
use crate::{
    ExportError, FloatCodebook, FloatModel, GoldenImage, Shape, Target, quantize, thresholds,
};
use mimlet_format::{AlignedBytes, Model, NormPart, Preprocess, Scheme, TensorRole, Thresholds};
use mimlet_runtime::Encoder;
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
    /// Images to judge and calibrate with, at the model's input size. Up to 16 of them (where there
    /// are more classes, one for each, up to 64) go into the file, taken class by class in turn; up
    /// to 16 others calibrate. With too few the golden ones do both.
    pub golden: Vec<GoldenImage>,
    /// Names of the classes that labels point into; empty without labels.
    pub class_names: Vec<String>,
    /// What the file must reach; `None` for the scheme's own bounds.
    pub thresholds: Option<Thresholds>,
    /// Share of tokens that must be the float model's, 0..1, among the scheme's own bounds; `None` for
    /// 0.99, or 0.9 when the weights come from no checkpoint, because random features lie between
    /// centroids more often than trained ones.
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
    fn patch_embedding(&self) -> Scheme {
        match &self.target {
            Some(target) if !target.takes_f16() => Scheme::F32,
            _ => self.scheme,
        }
    }

    fn report_progress(&self, stage: &str, share: f32) {
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
    let start = Instant::now();
    model.check()?;
    if let Some(codebook) = codebook {
        codebook.check(&model.encoder, &options.preprocess)?;
    }
    let shape = options.shape(model, codebook);
    if let Some(target) = options
        .target
        .as_ref()
        .filter(|_| options.scheme != Scheme::Mixed)
    {
        target.admits(&shape)?;
    }
    let classes = options.class_names.len();
    let choice = Choice::of(&options.golden, model.encoder.image_size, classes)?;
    let (draft, layers, answers) = draft(model, codebook, options, &choice)?;
    let float_tcas = thresholds::float_tcas(&answers, &choice.labels, classes, codebook)
        .filter(|_| !choice.labels.is_empty());
    let thresholds = match &options.thresholds {
        Some(thresholds) => thresholds.clone(),
        None => own_thresholds(&draft, &choice, &answers, float_tcas)?,
    };
    options.report_progress("verify", 0.0);
    let bytes = draft.seal(thresholds.clone())?;
    let proof = draft.verify(&bytes)?;
    options.report_progress("verify", 1.0);
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
        notes: notes(model, codebook),
        seconds: start.elapsed().as_secs_f64(),
    };
    judged(bytes, report)
}

/// The file, if it passed.
fn judged(bytes: AlignedBytes, report: Report) -> Result<Exported, ExportError> {
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

/// Runs the float model over the chosen images and stores each block on the way.
fn draft<'m>(
    model: &'m FloatModel,
    codebook: Option<&'m FloatCodebook>,
    options: &'m ExportOptions<'m>,
    choice: &Choice<'_>,
) -> Result<(Draft<'m>, Vec<LayerReport>, Vec<Answer>), ExportError> {
    let mut tensors = Tensors::new();
    let encoder = &model.encoder;
    let table = TensorRole::TokenTable;
    tensors.insert(
        TensorRole::PatchEmbedWeight,
        quantize::patch_embedding(model, options.patch_embedding())?,
    );
    let shape = [encoder.tokens(), encoder.embed_dim];
    tensors.insert(table, tensors::floats(model.weights.get(table), &shape));
    for part in [NormPart::Weight, NormPart::Bias] {
        let role = TensorRole::FinalNorm(part);
        let norm = tensors::floats(model.weights.get(role), &[encoder.embed_dim]);
        tensors.insert(role, norm);
    }
    let centroids = codebook.map(Centroids::new);
    if let Some(codebook) = codebook {
        let shape = [codebook.size, codebook.dim];
        let stored = tensors::matrix_f32(&codebook.centroids, shape);
        tensors.insert(TensorRole::Centroids, stored);
    }
    let calibration = choice.calibration.clone();
    let mut run = FloatRun::new(model, &options.preprocess, &choice.images, calibration);
    let mut reports = Vec::new();
    for layer in 0..encoder.depth {
        options.report_progress("quantise", layer as f32 / encoder.depth as f32);
        let taps = run.block(layer);
        let layers = quantize::quantize_block(model, options.scheme, layer, taps)?;
        tensors.extend(layers.tensors);
        reports.extend(layers.reports);
    }
    options.report_progress("quantise", 1.0);
    let answers = run.answers(choice.golden, centroids.as_ref());
    let mut draft = Draft {
        model,
        codebook,
        options,
        labels: choice.labels.clone(),
        images: choice.golden as u32, // At most `choice::MAX_GOLDEN`.
        tensors,
    };
    draft.put_golden(choice.golden(), &answers)?;
    Ok((draft, reports, answers))
}

/// The scheme's own thresholds, from how far the packed model is from the float model.
fn own_thresholds(
    draft: &Draft<'_>,
    choice: &Choice<'_>,
    answers: &[Answer],
    float_tcas: Option<f64>,
) -> Result<Thresholds, ExportError> {
    draft.options.report_progress("measure", 0.0);
    let bytes = draft.seal(thresholds::none())?;
    let packed = Model::parse(&bytes)?;
    let mut encoder = Encoder::on_cpu(&packed, threads())?;
    let change = thresholds::margin_change(draft.codebook, &mut encoder, choice.golden(), answers)?;
    draft.options.report_progress("measure", 1.0);
    if !change.is_finite() {
        return Err(ExportError::Rejected {
            scheme: scheme_name(draft.options.scheme),
            failures: vec!["its features are not finite".to_owned()],
            report: None,
        });
    }
    let is_random = draft.model.source_hash == [0; 32];
    let measured = Measured {
        margin_change: change,
        float_tcas,
    };
    let mut thresholds = thresholds::choose(draft.options.scheme, draft.codebook, &measured);
    thresholds.min_token_agreement = match draft.options.min_token_agreement {
        Some(agreement) => agreement,
        None if is_random => thresholds::RANDOM_AGREEMENT,
        None => thresholds::MIN_AGREEMENT,
    };
    Ok(thresholds)
}

/// Share of golden patches with a wide margin.
fn wide_share(answers: &[Answer], wide_margin: f32) -> f64 {
    let margins = answers.iter().flat_map(|answer| &answer.margins);
    let wide = margins.clone().filter(|margin| **margin >= wide_margin);
    wide.count() as f64 / margins.count().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::{Choice, ExportOptions, draft, own_thresholds};
    use crate::random_model::small;
    use crate::{FloatModel, export, random_codebook, synthetic_golden};
    use mimlet_format::{BlockTensor, LinearPart, Model, Scheme, TensorRole};
    use mimlet_runtime::Encoder;

    fn options(scheme: Scheme) -> ExportOptions<'static> {
        let size = small::SHAPE.image_size;
        let preprocess = crate::PreprocessHints::default().resolve(size);
        let mut options = ExportOptions::new(scheme, preprocess);
        options.golden = synthetic_golden(size, 12, 3);
        options
    }

    #[test]
    fn a_fault_in_a_packed_scale_is_caught_by_the_file_s_own_test() {
        let model = small::plain(1);
        let options = options(Scheme::Int8);
        let choice = Choice::of(&options.golden, model.encoder.image_size, 0).unwrap();
        let (mut draft, _, answers) = draft(&model, None, &options, &choice).unwrap();
        let thresholds = own_thresholds(&draft, &choice, &answers, None).unwrap();
        let sound = draft.seal(thresholds.clone()).unwrap();
        assert!(draft.verify(&sound).unwrap().verdict.passed());
        let scale = TensorRole::Block {
            layer: 1,
            tensor: BlockTensor::Fc1(LinearPart::Scale),
        };
        let stored = draft.tensors.get_mut(&scale).unwrap();
        for scale in stored.bytes.to_mut().chunks_exact_mut(4) {
            let value = f32::from_le_bytes(scale.try_into().unwrap());
            scale.copy_from_slice(&(value * 3.0).to_le_bytes());
        }
        let faulty = draft.seal(thresholds).unwrap();
        let failures = draft.verify(&faulty).unwrap().verdict.failures;
        assert!(
            failures.iter().any(|failure| failure.contains("cosine")),
            "{failures:?}"
        );
    }

    #[test]
    fn the_answers_are_those_of_the_f32_file_on_the_cpu_backend() {
        let model = small::plain(2);
        let codebook = random_codebook(&model, 12, 4).unwrap();
        let options = options(Scheme::F32);
        let choice = Choice::of(&options.golden, model.encoder.image_size, 0).unwrap();
        let (draft, _, answers) = draft(&model, Some(&codebook), &options, &choice).unwrap();
        let bytes = draft.seal(crate::thresholds::none()).unwrap();
        let parsed = Model::parse(&bytes).unwrap();
        let mut encoder = Encoder::on_cpu(&parsed, 1).unwrap();
        for (image, answer) in choice.golden().iter().zip(&answers) {
            let encoding = encoder.encode_pixels(image).unwrap();
            assert_eq!(encoding.tokens, answer.tokens);
            let features = encoding.class.iter().chain(&encoding.patches);
            let expected = answer.class.iter().chain(&answer.patches);
            for (found, expected) in features.zip(expected) {
                assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
            }
        }
    }

    #[test]
    fn outlier_channels_cost_no_layer_its_precision() {
        let options = options(Scheme::Int8);
        let worst = |model: &FloatModel| {
            let report = export(model, None, &options).unwrap().report;
            let noisy = report.layers.iter().filter_map(|layer| layer.output_snr_db);
            noisy.fold(f64::INFINITY, f64::min)
        };
        let plain = worst(&small::plain(6));
        let outliers = worst(&small::with_outliers(6));
        assert!(
            outliers > plain - 1.0,
            "{outliers} dB, {plain} dB without outliers"
        );
    }

    #[test]
    fn the_same_arguments_give_the_same_bytes() {
        let model = small::with_outliers(3);
        let codebook = random_codebook(&model, 8, 4).unwrap();
        let mut options = options(Scheme::Int8);
        options.thresholds = Some(crate::thresholds::none());
        let once = export(&model, Some(&codebook), &options).unwrap();
        let again = export(&model, Some(&codebook), &options).unwrap();
        assert_eq!(&*once.bytes, &*again.bytes);
        let other = export(&small::with_outliers(4), Some(&codebook), &options).unwrap();
        assert_ne!(once.report.hash, other.report.hash);
    }
}
