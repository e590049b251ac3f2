//! The rules a decoded manifest and its tensors must keep, beyond being decodable.

mod acceptance;
mod drift;
mod encoder;
mod ranges;
mod table;
mod values;

use crate::{FormatError, Manifest};

pub(crate) use table::find;

/// Checks the manifest's meaning, then the tensor table against it and against the file.
/// `bytes` is the content and starts at a multiple of the alignment; the manifest ends at
/// `manifest_end`, inside it.
pub(crate) fn check(
    manifest: &Manifest,
    bytes: &[u8],
    manifest_end: u64,
) -> Result<(), FormatError> {
    encoder::check_encoder(&manifest.encoder)?;
    encoder::check_preprocess(&manifest.preprocess, &manifest.encoder)?;
    if let Some(codebook) = &manifest.codebook {
        encoder::check_codebook(codebook, &manifest.encoder)?;
    }
    acceptance::check_acceptance(&manifest.acceptance, manifest.codebook.is_some())?;
    acceptance::check_texts(manifest)?;
    if let Some(reference) = &manifest.drift {
        drift::check_drift(reference, manifest.codebook.as_ref())?;
    }
    table::check_roles(manifest)?;
    ranges::check_ranges(manifest)?;
    table::check_storage(manifest)?;
    table::check_places(&manifest.tensors, bytes, manifest_end)?;
    values::check_values(manifest, bytes)
}

/// `min <= found <= max`.
fn in_range(
    field: &'static str,
    found: impl Into<u64>,
    min: impl Into<u64>,
    max: impl Into<u64>,
) -> Result<(), FormatError> {
    let (found, min, max) = (found.into(), min.into(), max.into());
    if (min..=max).contains(&found) {
        return Ok(());
    }
    Err(FormatError::OutOfRange {
        field,
        found,
        min,
        max,
    })
}

/// `ok`, which NaN must make false, or the number that broke it.
fn number(
    ok: bool,
    field: &'static str,
    found: impl Into<f64>,
    allowed: &'static str,
) -> Result<(), FormatError> {
    if ok {
        return Ok(());
    }
    Err(FormatError::BadNumber {
        field,
        found: found.into(),
        allowed,
    })
}
