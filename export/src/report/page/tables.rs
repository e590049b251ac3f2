//! What is listed.

use super::super::{MarginReport, Report, worst};
use crate::figures::{bytes, cosine, count, decibels, percent, whole};
use crate::markup::Markup;
use crate::page::{Column, Fact, Heading, Row};

/// Every linear layer, the worst set off.
pub(super) fn layer_table(details: &mut Markup, report: &Report) {
    let worst = worst(&report.layers);
    let columns = [
        Column::Code("weight"),
        Column::Code("type"),
        Column::Number("size"),
        Column::Number("weight SNR"),
        Column::Number("output SNR"),
        Column::Number("output cosine"),
        Column::Number("clipped"),
        Column::Number("largest output"),
        Column::Number("migration"),
    ];
    let rows = report.layers.iter().map(|layer| Row {
        class: match worst {
            Some(worst) if std::ptr::eq(worst, layer) => "worst",
            _ => "",
        },
        cells: vec![
            layer.tensor.clone(),
            layer.dtype.clone(),
            bytes(layer.bytes),
            decibels(layer.weight_snr_db),
            decibels(layer.output_snr_db),
            cosine(layer.output_cosine),
            percent(layer.clipped_weights),
            format!("{:.1}", layer.max_output),
            layer
                .migration
                .map_or("–".to_owned(), |alpha| alpha.to_string()),
        ],
        ..Row::default()
    });
    details.table(&columns, &rows.collect::<Vec<_>>());
}

/// The tokens that changed, widest margin first; `all` of them are more than are listed, perhaps.
pub(super) fn flip_table(section: &mut Markup, margins: &MarginReport, all: u64) {
    let listed = margins.flips.len() as u64;
    let summary = if listed < all {
        format!("The {} widest of {} flips", whole(listed), whole(all))
    } else {
        format!("All {} by margin", count(all, "flip"))
    };
    section.details(&summary, |details| {
        let columns = [
            Column::Number("image"),
            Column::Number("row"),
            Column::Number("column"),
            Column::Number("float token"),
            Column::Number("packed token"),
            Column::Number("float margin"),
            Column::Number("packed margin"),
            Column::Text("a fault"),
        ];
        let rows = margins.flips.iter().map(|flip| Row {
            class: if flip.wide { "missed" } else { "" },
            cells: vec![
                flip.image.to_string(),
                flip.row.to_string(),
                flip.column.to_string(),
                flip.float_token.to_string(),
                flip.packed_token.to_string(),
                format!("{:.4}", flip.float_margin),
                format!("{:.4}", flip.packed_margin),
                if flip.wide { "yes" } else { "no, a near-tie" }.to_owned(),
            ],
            ..Row::default()
        });
        details.table(&columns, &rows.collect::<Vec<_>>());
    });
}

/// What was asked of the file, and what it did.
pub(super) fn thresholds(main: &mut Markup, report: &Report) {
    let heading = Heading {
        title: "Thresholds",
        lede: "They travel in the file: every device can hold itself to them with mimlet verify."
            .to_owned(),
    };
    main.section(&heading, |section| {
        let columns = [
            Column::Text("what"),
            Column::Number("found"),
            Column::Text("required"),
            Column::Text(""),
        ];
        let mut rows = vec![cosine_row(report)];
        rows.extend(token_rows(report));
        rows.extend(tcas_row(report));
        section.table(&columns, &rows);
    });
}

fn threshold(what: &str, found: String, required: String, is_met: bool) -> Row {
    let (class, met) = if is_met {
        ("", "met")
    } else {
        ("missed", "missed")
    };
    Row {
        class,
        cells: vec![what.to_owned(), found, required, met.to_owned()],
        ..Row::default()
    }
}

fn cosine_row(report: &Report) -> Row {
    let (found, bound) = (report.verdict.min_cosine, report.thresholds.min_cosine);
    threshold(
        "lowest feature cosine",
        cosine(found),
        format!("at least {bound}"),
        found >= f64::from(bound),
    )
}

fn token_rows(report: &Report) -> Vec<Row> {
    let (found, limits) = (&report.verdict, &report.thresholds);
    let Some(agreement) = found.token_agreement else {
        return Vec::new();
    };
    let least = f64::from(limits.min_token_agreement);
    vec![
        threshold(
            "tokens that are the float model’s",
            percent(agreement),
            format!("at least {}", percent(least)),
            agreement >= least,
        ),
        threshold(
            &format!("flips at a margin from {:.3}", limits.wide_margin),
            whole(found.wide_margin_flips.into()),
            format!("at most {}", limits.max_wide_margin_flips),
            found.wide_margin_flips <= limits.max_wide_margin_flips,
        ),
    ]
}

fn tcas_row(report: &Report) -> Option<Row> {
    let bound = report.thresholds.max_tcas?;
    let found = report.verdict.tcas;
    let float = report.float_tcas;
    let float = float.map_or(String::new(), |tcas| {
        format!(", the float model’s is {tcas:.4}")
    });
    Some(threshold(
        "TCAS",
        found.map_or("undefined".to_owned(), |tcas| format!("{tcas:.4}")),
        format!("at most {bound:.4}{float}"),
        found.is_some_and(|tcas| tcas <= bound),
    ))
}

/// The features’ cosines, image by image.
pub(super) fn images(main: &mut Markup, report: &Report) {
    let lowest = report.images.iter().map(|image| image.min_cosine);
    let medians = report.images.iter().map(|image| image.median_cosine);
    let heading = Heading {
        title: "Images",
        lede: format!(
            "Cosine of the features to the float model’s, image by image: medians from {}, the \
             lowest of all {}.",
            cosine(medians.fold(1.0, f64::min)),
            cosine(lowest.fold(1.0, f64::min))
        ),
    };
    main.section(&heading, |section| {
        section.details("All golden images", |details| {
            let columns = [
                Column::Number("image"),
                Column::Text("class"),
                Column::Number("lowest cosine"),
                Column::Number("median cosine"),
                Column::Number("flips"),
            ];
            let rows = report.images.iter().enumerate().map(|(index, image)| {
                let cells = vec![
                    index.to_string(),
                    image.class.clone().unwrap_or_else(|| "–".to_owned()),
                    cosine(image.min_cosine),
                    cosine(image.median_cosine),
                    image
                        .flips
                        .map_or("–".to_owned(), |flips| flips.to_string()),
                ];
                Row {
                    cells,
                    ..Row::default()
                }
            });
            details.table(&columns, &rows.collect::<Vec<_>>());
        });
    });
}

/// Where the file comes from, and what it was judged by.
pub(super) fn origin(main: &mut Markup, report: &Report) {
    let origin = &report.origin;
    let golden = count(report.golden_images as u64, "golden image");
    let [weights, buffers] = [report.weight_bytes, report.activation_bytes].map(bytes);
    let licence = origin.licence.as_deref().unwrap_or("not stated");
    let mut facts = vec![
        Fact::words("file", format!("{} bytes", whole(report.bytes))),
        Fact::code("content, BLAKE3", &report.hash),
        Fact::words("checkpoint", &origin.source),
    ];
    if let Some(hash) = &origin.source_hash {
        facts.push(Fact::code("checkpoint, BLAKE3", hash));
    }
    facts.extend([
        Fact::words("licence", licence),
        Fact::words("packed by", &origin.producer),
        Fact::words("judged on", format!("{golden}, {}", report.verdict.backend)),
        Fact::words(
            "calibrated on",
            count(report.calibration_images as u64, "image"),
        ),
        Fact::words("memory", format!("{weights} weights, {buffers} buffers")),
    ]);
    if let Some(target) = &report.target {
        facts.push(Fact::words("target", format!("fits {target}")));
    }
    facts.extend(report.notes.iter().map(|note| Fact::words("note", note)));
    let heading = Heading {
        title: "Provenance",
        lede: String::new(),
    };
    main.section(&heading, |section| {
        section.facts(&facts);
        if !report.ignored.is_empty() {
            let summary = format!("{} left out", count(report.ignored.len() as u64, "tensor"));
            section.details(&summary, |details| {
                details.element("pre", &[], |list| {
                    list.text(report.ignored.join("\n"));
                });
            });
        }
    });
}
