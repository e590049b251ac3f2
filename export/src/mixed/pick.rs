//! Each layer's precision, by a budget or by how many tokens agree.

use super::widening::{self, Cost, Pick};
use crate::choice::Choice;
use crate::float_run::Answer;
use crate::pack::{Draft, threads};
use crate::quantize::Variant;
use crate::{ExportError, thresholds};
use mimlet_format::Model;
use mimlet_runtime::Encoder;

/// By how much a manifest may grow when layers are widened.
const MANIFEST_SLACK: u64 = 512;

/// Picks each layer's variant: the least error within the budget, or, without one, the fewest bytes
/// that keep the share of tokens asked for.
pub(crate) fn pick(
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
        let fixed = least.len() as u64 + MANIFEST_SLACK + drift_bytes(draft)
            - widening::bytes(&costs, &narrowest);
        let within = widening::within(&costs, budget.saturating_sub(fixed));
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
    let picks = widening::widenings(&costs);
    let mut best = 0.0_f64;
    let found = widening::first_enough(&picks, |pick| {
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

/// What the manifest grows by, at most, when it is known what drift is measured against.
fn drift_bytes(draft: &Draft<'_>) -> u64 {
    // A count of tokens takes up to five bytes.
    draft
        .codebook
        .map_or(0, |codebook| 5 * u64::from(codebook.size))
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
        own: draft.own.clone(),
        drift: draft.drift.clone(),
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
