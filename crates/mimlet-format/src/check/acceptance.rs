//! The acceptance test's labels and thresholds, and the manifest's texts.

use super::{in_range, number};
use crate::{AcceptanceTest, FormatError, Manifest, Thresholds};

pub(super) fn check_acceptance(
    acceptance: &AcceptanceTest,
    has_codebook: bool,
) -> Result<(), FormatError> {
    in_range("acceptance.images", acceptance.images, 1_u32, u32::MAX)?;
    check_labels(acceptance)?;
    check_thresholds(&acceptance.thresholds)?;
    if let Some(own) = &acceptance.own {
        let deviation = own.max_deviation;
        number(
            deviation.is_finite() && deviation >= 0.0,
            "acceptance.own.max_deviation",
            deviation,
            "finite and not negative",
        )?;
    }
    let has_tokens = has_codebook && !acceptance.labels.is_empty();
    if acceptance.thresholds.max_tcas.is_some() && !has_tokens {
        return Err(FormatError::TcasBoundWithoutTokens);
    }
    Ok(())
}

fn check_labels(acceptance: &AcceptanceTest) -> Result<(), FormatError> {
    let labels = &acceptance.labels;
    if !labels.is_empty() && labels.len() as u64 != u64::from(acceptance.images) {
        return Err(FormatError::LabelCount {
            found: labels.len() as u64,
            images: acceptance.images,
        });
    }
    let classes = acceptance.class_names.len() as u64;
    match labels.iter().position(|label| u64::from(*label) >= classes) {
        None => Ok(()),
        Some(index) => Err(FormatError::LabelOutOfRange {
            index: index as u64,
            label: labels[index],
            classes,
        }),
    }
}

/// Bounds that a run could neither meet nor miss are no test: NaN would pass or fail everything.
fn check_thresholds(thresholds: &Thresholds) -> Result<(), FormatError> {
    let cosine = thresholds.min_cosine;
    number(
        (-1.0..=1.0).contains(&cosine),
        "acceptance.thresholds.min_cosine",
        cosine,
        "-1 to 1",
    )?;
    let agreement = thresholds.min_token_agreement;
    number(
        (0.0..=1.0).contains(&agreement),
        "acceptance.thresholds.min_token_agreement",
        agreement,
        "0 to 1",
    )?;
    let margin = thresholds.wide_margin;
    number(
        margin.is_finite() && margin >= 0.0,
        "acceptance.thresholds.wide_margin",
        margin,
        "finite and not negative",
    )?;
    let tcas = thresholds.max_tcas.unwrap_or(0.0);
    number(
        tcas.is_finite() && tcas >= 0.0,
        "acceptance.thresholds.max_tcas",
        tcas,
        "finite and not negative",
    )
}

/// Texts are printed on terminals: an escape sequence in a downloaded file must not get there.
pub(super) fn check_texts(manifest: &Manifest) -> Result<(), FormatError> {
    let provenance = &manifest.provenance;
    let classes = manifest.acceptance.class_names.iter();
    let texts = [
        ("provenance.name", Some(&provenance.name)),
        ("provenance.producer", Some(&provenance.producer)),
        ("provenance.source", Some(&provenance.source)),
        ("provenance.licence", provenance.licence.as_ref()),
    ]
    .into_iter()
    .chain(classes.map(|name| ("acceptance.class_names", Some(name))));
    for (field, text) in texts {
        if text.is_some_and(|text| text.chars().any(char::is_control)) {
            return Err(FormatError::ControlCharacter { field });
        }
    }
    Ok(())
}
