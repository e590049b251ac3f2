//! What drift is measured against: figures of tokens, so of a codebook; bounds that can be kept.

use super::{in_range, number};
use crate::limits::MAX_WINDOW;
use crate::{Codebook, DriftReference, FormatError};

pub(super) fn check_drift(
    reference: &DriftReference,
    codebook: Option<&Codebook>,
) -> Result<(), FormatError> {
    let size = codebook.map_or(0, |codebook| codebook.size);
    if reference.token_counts.len() as u64 != u64::from(size) {
        return Err(FormatError::DriftTokens {
            found: reference.token_counts.len() as u64,
            size,
        });
    }
    in_range("drift.images", reference.images, 1_u32, u32::MAX)?;
    in_range("drift.window", reference.window, 1_u32, MAX_WINDOW)?;
    let counted: u64 = reference.token_counts.iter().copied().map(u64::from).sum();
    in_range("sum of drift.token_counts", counted, 1_u32, u64::MAX)?;
    let divergence = reference.max_divergence;
    let ok = (0.0..=1.0).contains(&divergence);
    number(ok, "drift.max_divergence", divergence, "0 to 1")?;
    for (field, [low, high]) in [
        ("drift.perplexity", reference.perplexity),
        ("drift.median_distance", reference.median_distance),
        ("drift.high_distance", reference.high_distance),
    ] {
        number(
            low.is_finite() && low >= 0.0,
            field,
            low,
            "finite and not negative",
        )?;
        let ok = high.is_finite() && high >= low;
        number(ok, field, high, "finite, the higher one second")?;
    }
    Ok(())
}
