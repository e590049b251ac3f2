//! The way from a float model to all of a file but its thresholds: run, quantise, choose.

use crate::choice::Choice;
use crate::float_block::Range;
use crate::float_run::{Answer, Centroids, FloatRun};
use crate::mixed::{Sensitivity, pick};
use crate::model::{FloatModel, Weights};
use crate::pack::Draft;
use crate::quantize::{self, Precision, QuantizedBlock, Variant};
use crate::report::LayerReport;
use crate::tensors::{self, Tensors};
use crate::{ExportError, ExportOptions, FloatCodebook};
use mimlet_format::{ActivationRange, EncoderConfig, NormPart, Scheme, TensorRole, ranged_roles};

/// Rows of inputs kept for calibration, over all images.
const ROWS: usize = 4096;
/// Bytes that a block's rows may take with weights of 8 bits: of a wide model fewer are kept, for a large
/// checkpoint leaves less room.
const ROW_BYTES: usize = 24 << 20;

/// A file but for its thresholds, and what was found on the way.
#[derive(Debug)]
pub(crate) struct Drafted<'m> {
    pub(crate) draft: Draft<'m>,
    pub(crate) layers: Vec<LayerReport>,
    /// Of the golden images.
    pub(crate) answers: Vec<Answer>,
    /// What the report should say of the ranges.
    pub(crate) notes: Vec<String>,
}

/// What the linear layers of a scheme may be stored in, narrowest first.
fn precisions(options: &ExportOptions<'_>) -> Vec<Precision> {
    let int4 = Precision::Int4(options.group);
    match options.scheme {
        Scheme::F32 => vec![Precision::F32],
        Scheme::F16 => vec![Precision::F16],
        Scheme::Int8 => vec![Precision::Int8],
        Scheme::Int4 => vec![int4],
        Scheme::Mixed => vec![int4, Precision::Int8, Precision::F16],
    }
}

/// Runs the float model over the chosen images, stores each block on the way and frees it where the
/// weights were given.
pub(crate) fn draft<'m>(
    (model, weights): (&'m FloatModel, &mut Weights<'_>),
    codebook: Option<&'m FloatCodebook>,
    options: &'m ExportOptions<'m>,
    choice: &Choice<'m>,
) -> Result<Drafted<'m>, ExportError> {
    let encoder = &model.encoder;
    let precisions = precisions(options);
    let is_mixed = options.scheme == Scheme::Mixed;
    let sensitivity = is_mixed.then(|| {
        let images = &choice.images[choice.calibration.clone()];
        Sensitivity::new(encoder, weights, &options.preprocess, images)
    });
    let patch_embedding = match options.patch_embedding() {
        Scheme::F32 => Precision::F32,
        _ => Precision::F16,
    };
    let mut tensors = unquantized(model, weights, patch_embedding)?;
    let rows = match options.scheme {
        Scheme::Int4 | Scheme::Mixed => ROWS,
        _ => ROWS.min(ROW_BYTES / row_bytes(encoder)),
    };
    let calibration = (choice.calibration.clone(), rows);
    let images = &choice.images;
    let mut run = FloatRun::new(encoder, weights, &options.preprocess, images, calibration);
    let mut layers = Vec::new();
    for layer in 0..encoder.depth {
        options.report_progress("quantise", layer as f32 / encoder.depth as f32);
        let taps = run.block(weights, layer);
        let from = (encoder, &mut *weights);
        let mut block = quantize::quantize_block(from, layer, taps, &precisions, is_mixed)?;
        if let Some(sensitivity) = &sensitivity {
            sensitivity.measure(weights, layer, &mut block);
        }
        let QuantizedBlock {
            tensors: norms,
            linears,
            ..
        } = block;
        tensors.extend(norms);
        layers.extend(linears);
    }
    options.report_progress("quantise", 1.0);
    drop(sensitivity);
    if let Some(codebook) = codebook {
        tensors.extend(tensors::codebook(codebook, options.codebook_type)?);
    }
    // Mixed precision is chosen on all images, the file is judged on the golden ones.
    let count = if is_mixed {
        images.len()
    } else {
        choice.golden
    };
    let centroids = codebook.map(Centroids::new);
    let (mut answers, ranges) = run.answers(weights, count, centroids.as_ref());
    let mut draft = Draft {
        model,
        codebook,
        options,
        labels: choice.labels.clone(),
        images: choice.golden as u32, // At most `choice::MAX_GOLDEN`.
        tensors,
        ranges: Vec::new(),
        own: None,
        drift: None,
    };
    draft.put_golden(choice.golden(), &answers[..choice.golden])?;
    draft.announce_own();
    let pick = match is_mixed {
        true => pick(&draft, &layers, choice, &answers)?,
        false => vec![0; layers.len()],
    };
    let mut reports = put(&mut draft, layers, &pick);
    let notes = draft.put_ranges(&ranges, &mut reports);
    answers.truncate(choice.golden);
    Ok(Drafted {
        draft,
        layers: reports,
        answers,
        notes,
    })
}

/// Bytes of what goes into a block's four linear layers for one token.
fn row_bytes(encoder: &EncoderConfig) -> usize {
    4 * (3 * encoder.embed_dim + encoder.mlp_dim) as usize
}

/// What no scheme quantises: the token table and the final norm as they are, and the patch embedding.
fn unquantized(
    model: &FloatModel,
    weights: &Weights<'_>,
    precision: Precision,
) -> Result<Tensors<'static>, ExportError> {
    let encoder = &model.encoder;
    let mut tensors = Tensors::new();
    let patch = quantize::patch_embedding(encoder, weights, precision)?;
    tensors.insert(TensorRole::PatchEmbedWeight, patch);
    let mut put = |role, shape: &[u32]| {
        tensors.insert(role, tensors::floats(weights.get(role), shape));
    };
    let shape = [encoder.tokens(), encoder.embed_dim];
    put(TensorRole::TokenTable, &shape);
    for part in [NormPart::Weight, NormPart::Bias] {
        put(TensorRole::FinalNorm(part), &shape[1..]);
    }
    Ok(tensors)
}

/// Puts the picked variant of each layer into a draft.
fn put(draft: &mut Draft<'_>, layers: Vec<Vec<Variant>>, pick: &[usize]) -> Vec<LayerReport> {
    let picked = layers.into_iter().zip(pick);
    picked
        .filter_map(|(variants, &index)| {
            let variant = variants.into_iter().nth(index)?;
            draft.tensors.extend(variant.tensors);
            Some(variant.report)
        })
        .collect()
}

impl Draft<'_> {
    /// Puts what calibration saw of each layer into the file and into the layers' reports. What f16
    /// arithmetic could not hold is returned in words.
    fn put_ranges(&mut self, ranges: &[Range], reports: &mut [LayerReport]) -> Vec<String> {
        let manifest = crate::model::manifest_of(&self.model.encoder, None);
        let mut notes = Vec::new();
        for (role, range) in ranged_roles(&manifest).zip(ranges) {
            let &Range {
                max_input,
                max_output,
            } = range;
            let name = role.to_string();
            if let Some(report) = reports.iter_mut().find(|report| report.tensor == name) {
                (report.max_input, report.max_output) = (max_input, max_output);
            }
            let largest = max_input.max(max_output);
            if largest > half::f16::MAX.to_f32() {
                notes.push(format!(
                    "{name}: activations reach {largest:.0} on calibration images, beyond f16's \
                     65504; a device that computes in f16 overflows there"
                ));
            }
            self.ranges.push(ActivationRange {
                role,
                max_input,
                max_output,
            });
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use crate::random_model::small;
    use crate::{ExportOptions, Exported, export, random_codebook, synthetic_golden, thresholds};
    use mimlet_format::{DType, Scheme};
    use std::collections::BTreeSet;

    fn options(scheme: Scheme) -> ExportOptions<'static> {
        let size = small::SHAPE.image_size;
        let preprocess = crate::PreprocessHints::default().resolve(size);
        let mut options = ExportOptions::new(scheme, preprocess);
        options.golden = synthetic_golden(size, 40, 3);
        options.thresholds = Some(thresholds::none());
        options
    }

    fn exported(options: &ExportOptions<'_>) -> Exported {
        let model = small::with_outliers(1);
        let codebook = random_codebook(&model, 12, 4).unwrap();
        export(&model, Some(&codebook), options).unwrap()
    }

    fn types(exported: &Exported) -> BTreeSet<&str> {
        let layers = exported.report.layers.iter();
        layers.map(|layer| layer.dtype.as_str()).collect()
    }

    #[test]
    fn a_budget_is_kept_and_spent_where_it_spares_most() {
        let narrow = exported(&options(Scheme::Int4)).report;
        let wide = exported(&options(Scheme::Int8)).report;
        let mut options = options(Scheme::Mixed);
        options.budget = Some((narrow.bytes + wide.bytes) / 2);
        let mixed = exported(&options);
        assert!(mixed.report.bytes <= options.budget.unwrap());
        assert!(mixed.report.bytes > narrow.bytes);
        assert!(types(&mixed).len() > 1, "{:?}", types(&mixed));
        assert!(mixed.report.verdict.mean_cosine > narrow.verdict.mean_cosine);
        let measured = mixed.report.layers.iter();
        assert!(
            measured
                .map(|layer| layer.feature_error)
                .all(|e| e.is_some())
        );
    }

    #[test]
    fn a_budget_too_small_names_the_smallest_file() {
        let model = small::plain(1);
        let mut options = options(Scheme::Mixed);
        options.budget = Some(1000);
        let error = export(&model, None, &options).unwrap_err().to_string();
        assert!(
            error.contains("is 1000 bytes; with every layer in 4 bits"),
            "{error}"
        );
        options.scheme = Scheme::Int8;
        let error = export(&model, None, &options).unwrap_err().to_string();
        assert!(
            error.contains("is 1000 bytes; the file would be"),
            "{error}"
        );
        options.budget = None;
        options.scheme = Scheme::Mixed;
        let error = export(&model, None, &options).unwrap_err().to_string();
        assert!(error.contains("needs a budget"), "{error}");
    }

    #[test]
    fn without_a_budget_mixed_keeps_the_tokens_asked_for() {
        let mut options = options(Scheme::Mixed);
        options.min_token_agreement = Some(0.99);
        let mixed = exported(&options).report;
        assert!(mixed.verdict.token_agreement.unwrap() >= 0.99);
        let wide = exported(&self::options(Scheme::F16)).report;
        assert!(mixed.bytes < wide.bytes);
    }

    #[test]
    fn codebooks_are_stored_in_the_type_asked_for() {
        let mut options = options(Scheme::Int8);
        let bytes = |dtype, options: &mut ExportOptions<'static>| {
            options.codebook_type = dtype;
            let exported = exported(options);
            assert!(exported.report.verdict.token_agreement.unwrap() > 0.9);
            exported.report.bytes
        };
        let wide = bytes(DType::F32, &mut options);
        let half = bytes(DType::F16, &mut options);
        let byte = bytes(DType::I8, &mut options);
        assert!(byte < half && half < wide, "{byte} {half} {wide}");
    }

    #[test]
    fn threads_change_no_byte() {
        for scheme in [Scheme::Int8, Scheme::Int4, Scheme::Mixed] {
            let hash = move || {
                let mut options = options(scheme);
                if scheme == Scheme::Mixed {
                    options.min_token_agreement = Some(0.98);
                }
                exported(&options).report.hash
            };
            let with = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
                pool.build().unwrap().install(hash)
            };
            let one = with(1);
            assert_eq!([with(2), with(5)], [one.clone(), one], "{scheme:?}");
        }
    }

    #[test]
    fn ranges_are_in_the_file_and_in_the_report() {
        let exported = exported(&options(Scheme::Int8));
        let file = mimlet_format::Model::parse(&exported.bytes).unwrap();
        let ranges = &file.manifest().ranges;
        for layer in &exported.report.layers {
            let range = ranges
                .iter()
                .find(|range| range.role.to_string() == layer.tensor);
            let range = range.unwrap();
            assert!(range.max_input > 0.0 && range.max_output > 0.0);
            assert_eq!(range.max_input, layer.max_input);
            assert_eq!(range.max_output, layer.max_output);
        }
    }
}
