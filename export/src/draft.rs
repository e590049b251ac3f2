//! The way from a float model to all of a file but its thresholds: run, quantise, choose.

use crate::choice::Choice;
use crate::float_block::Range;
use crate::float_run::{Answer, Centroids, FloatRun};
use crate::mixed::{self, Cost, Pick, Sensitivity};
use crate::model::{FloatModel, Weights};
use crate::pack::{Draft, threads};
use crate::quantize::{self, Precision, QuantizedBlock, Variant};
use crate::report::LayerReport;
use crate::tensors::{self, Tensors};
use crate::{ExportError, ExportOptions, FloatCodebook, thresholds};
use mimlet_format::{ActivationRange, Model, NormPart, Scheme, TensorRole, ranged_roles};
use mimlet_runtime::Encoder;

/// Rows of inputs kept for calibration, over all images: enough to average bytes over.
const ROWS: usize = 1024;
/// The same where four bits have to be made up for by what inputs have in common.
const ROWS_INT4: usize = 4096;

/// By how much a manifest may grow when layers are widened.
const MANIFEST_SLACK: u64 = 512;

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
    let mut tensors = unquantized(model, weights, precisions[0])?;
    let rows = match options.scheme {
        Scheme::Int4 | Scheme::Mixed => ROWS_INT4,
        _ => ROWS,
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
    };
    draft.put_golden(choice.golden(), &answers[..choice.golden])?;
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

/// Picks each layer's variant: the least error within the budget, or, without one, the fewest bytes
/// that keep the share of tokens asked for.
fn pick(
    draft: &Draft<'_>,
    layers: &[Vec<Variant>],
    choice: &Choice<'_>,
    answers: &[Answer],
) -> Result<Pick, ExportError> {
    let options = draft.options;
    let costs: Vec<Vec<Cost>> = layers
        .iter()
        .map(|variants| variants.iter().map(Cost::of).collect())
        .collect();
    let refuse = |field, reason: String| Err(ExportError::Config { field, reason });
    if let Some(budget) = options.budget {
        let narrowest = vec![0; costs.len()];
        let least = trial(draft, layers, &narrowest).seal(thresholds::none())?;
        let fixed = least.len() as u64 + MANIFEST_SLACK - mixed::bytes(&costs, &narrowest);
        let within = mixed::within(&costs, budget.saturating_sub(fixed));
        return within.map_or_else(
            || {
                let reason = format!(
                    "is {budget} bytes; with every layer in 4 bits the file is {} bytes",
                    least.len()
                );
                refuse("budget", reason)
            },
            Ok,
        );
    }
    if draft.codebook.is_none() {
        let reason = "mixed needs a budget, or a codebook to tell how many tokens agree";
        return refuse("scheme", reason.to_owned());
    }
    let asked = options.min_token_agreement;
    let asked = f64::from(asked.unwrap_or(thresholds::MIN_AGREEMENT));
    let picks = mixed::widenings(&costs);
    let mut best = 0.0_f64;
    let found = mixed::first_enough(&picks, |pick| {
        options.report_progress("choose", 0.5);
        let agreement = agreement(&trial(draft, layers, pick), choice, answers)?;
        best = best.max(agreement);
        Ok::<_, ExportError>(agreement >= asked)
    })?;
    match found {
        Some(pick) => Ok(pick.clone()),
        None => {
            let reason = format!("is {asked}; with every layer at its widest {best:.4} agree");
            refuse("min-agreement", reason)
        }
    }
}

/// A draft with these variants, borrowed.
fn trial<'t>(draft: &'t Draft<'_>, layers: &'t [Vec<Variant>], pick: &[usize]) -> Draft<'t> {
    let picked = layers.iter().zip(pick);
    let picked = picked.filter_map(|(variants, &index)| variants.get(index));
    let all = draft
        .tensors
        .iter()
        .chain(picked.flat_map(|variant| &variant.tensors));
    Draft {
        model: draft.model,
        codebook: draft.codebook,
        options: draft.options,
        labels: draft.labels.clone(),
        images: draft.images,
        tensors: all.map(|(&role, stored)| (role, stored.lent())).collect(),
        ranges: Vec::new(),
    }
}

/// Share of tokens that are the float model's, over all images or over the golden ones, whichever is
/// lower.
fn agreement(
    draft: &Draft<'_>,
    choice: &Choice<'_>,
    answers: &[Answer],
) -> Result<f64, ExportError> {
    let bytes = draft.seal(thresholds::none())?;
    let packed = Model::parse(&bytes)?;
    let mut encoder = Encoder::on_cpu(&packed, threads())?;
    let mut same = Vec::with_capacity(answers.len());
    for (pixels, answer) in choice.images.iter().zip(answers) {
        let found = encoder.encode_pixels(pixels)?;
        let pairs = found.tokens.iter().zip(&answer.tokens);
        same.push(pairs.filter(|(a, b)| a == b).count());
    }
    let share = |same: &[usize]| {
        let tokens = same.len() * draft.model.encoder.patches() as usize;
        same.iter().sum::<usize>() as f64 / tokens as f64
    };
    Ok(share(&same).min(share(&same[..choice.golden])))
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
