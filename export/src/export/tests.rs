//! Exports of small models, sound and faulty.

use super::{Choice, Drafted, ExportOptions, draft, measure, own_thresholds};
use crate::model::Weights;
use crate::random_model::small;
use crate::{FloatCodebook, FloatModel, export, export_owned, random_codebook, synthetic_golden};
use mimlet_format::{BlockTensor, LinearPart, Model, Scheme, TensorRole};
use mimlet_runtime::Encoder;

fn options(scheme: Scheme) -> ExportOptions<'static> {
    let size = small::SHAPE.image_size;
    let preprocess = crate::PreprocessHints::default().resolve(size);
    let mut options = ExportOptions::new(scheme, preprocess);
    options.golden = synthetic_golden(size, 12, 3);
    options
}

fn choice_of<'a>(options: &'a ExportOptions<'_>) -> Choice<'a> {
    Choice::of(&options.golden, small::SHAPE.image_size, 0, 16).unwrap()
}

fn drafted<'m>(
    model: &'m FloatModel,
    codebook: Option<&'m FloatCodebook>,
    options: &'m ExportOptions<'m>,
    choice: &Choice<'m>,
) -> Drafted<'m> {
    let mut weights = Weights::Lent(&model.weights);
    draft((model, &mut weights), codebook, options, choice).unwrap()
}

#[test]
fn a_fault_in_a_packed_scale_is_caught_by_the_file_s_own_test() {
    let model = small::plain(1);
    let options = options(Scheme::Int8);
    let choice = choice_of(&options);
    let drafted = drafted(&model, None, &options, &choice);
    let (mut draft, answers) = (drafted.draft, drafted.answers);
    let measured = measure(&mut draft, &answers, None).unwrap();
    let thresholds = own_thresholds(&draft, &measured);
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
    let choice = choice_of(&options);
    let drafted = drafted(&model, Some(&codebook), &options, &choice);
    let (draft, answers) = (drafted.draft, drafted.answers);
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
    let owned = export_owned(model.clone(), Some(&codebook), &options).unwrap();
    assert_eq!(&*once.bytes, &*owned.bytes);
    let other = export(&small::with_outliers(4), Some(&codebook), &options).unwrap();
    assert_ne!(once.report.hash, other.report.hash);
}

#[test]
fn what_is_asked_of_an_export_is_not_what_is_asked_of_devices() {
    let model = small::plain(3);
    let codebook = random_codebook(&model, 12, 4).unwrap();
    let mut options = options(Scheme::F32);
    options.min_token_agreement = Some(1.0);
    let exported = export(&model, Some(&codebook), &options).unwrap();
    let thresholds = Model::parse(&exported.bytes).unwrap();
    let thresholds = &thresholds.manifest().acceptance.thresholds;
    assert_eq!(thresholds.min_token_agreement, 0.995);

    options.scheme = Scheme::Int4;
    let error = export(&model, Some(&codebook), &options).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("below the 1.0000 asked for"), "{text}");
}
