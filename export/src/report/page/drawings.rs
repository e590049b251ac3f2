//! What is drawn.

use super::super::{Report, worst};
use super::tables::{flip_table, layer_table};
use super::{flips, smaller};
use crate::figures::{byte_unit, bytes, decibels, percent, relative_error, whole};
use crate::markup::Markup;
use crate::page::Heading;
use crate::plot::{self, Ground, Mark, Measure, Point, Scatter, scatters};

/// How much smaller for how much agreement, and what the bytes are.
pub(super) fn size_against_agreement(main: &mut Markup, report: &Report) {
    let sizes = &report.sizes;
    let lede = format!(
        "The file has {:.3} bits for each bit it stores.",
        sizes.overhead
    );
    let heading = Heading {
        title: "Size against agreement",
        lede,
    };
    main.section(&heading, |section| {
        section.figure(&trade(report));
        section.figure(&plot::sizes(sizes));
    });
}

/// The file beside the float model it stands for.
fn trade(report: &Report) -> Markup {
    let (found, limits) = (&report.verdict, &report.thresholds);
    let (measure, quality, bound) = match found.token_agreement {
        Some(agreement) => (Measure::Tokens, agreement, limits.min_token_agreement),
        None => (Measure::LowestCosine, found.min_cosine, limits.min_cosine),
    };
    let (unit, unit_name) = byte_unit(report.sizes.float_bytes.max(report.bytes) as f64);
    let point = |name: &str, size: u64, quality: f64, mark| Point {
        name: name.to_owned(),
        detail: format!("{}, {}", bytes(size), measure.name(quality)),
        cost: size as f64 / unit,
        quality,
        mark,
    };
    let mark = if report.passed() {
        Mark::Front
    } else {
        Mark::Refused
    };
    let mut points = vec![point(report.scheme, report.bytes, quality, mark)];
    if smaller(report).is_some() {
        points.push(point("in f32", report.sizes.float_bytes, 1.0, Mark::Beaten));
    }
    let panel = Scatter {
        cost: format!("File size, {unit_name}"),
        measure,
        points,
        bound: Some(bound.into()),
    };
    scatters(Ground::Page, "Size against agreement", &[panel])
}

/// The layers’ errors.
pub(super) fn layers(main: &mut Markup, report: &Report) {
    let worst = worst(&report.layers);
    let lede = match worst.and_then(|layer| layer.output_snr_db.map(|snr| (layer, snr))) {
        Some((layer, snr)) => format!(
            "Each linear layer against its float original, on the same calibration inputs. The \
             worst is {} at {}: its output is {:.2} % noise.",
            layer.tensor,
            decibels(Some(snr)),
            100.0 * relative_error(snr)
        ),
        None => "Every linear layer is stored exactly.".to_owned(),
    };
    let heading = Heading {
        title: "Layers",
        lede,
    };
    main.section(&heading, |section| {
        if let Some(drawing) = plot::layers(&report.layers) {
            section.figure(&drawing);
        }
        section.details("All layers", |details| layer_table(details, report));
    });
}

/// The tokens’ margins.
pub(super) fn margins(main: &mut Markup, report: &Report) {
    let Some(margins) = &report.margins else {
        return;
    };
    let wide = report.wide_margin_share.unwrap_or(0.0);
    let heading = Heading {
        title: "Margins",
        lede: format!(
            "A token flips when quantisation moves a patch further than its margin. {} of the \
             patches have a wide margin, where no flip is allowed; {} flipped below it.",
            percent(wide),
            whole(report.verdict.near_tie_flips.into())
        ),
    };
    main.section(&heading, |section| {
        let wide = f64::from(report.thresholds.wide_margin);
        section.figure(&plot::margins(margins, wide));
        if !margins.flips.is_empty() {
            flip_table(section, margins, flips(report));
        }
    });
}
