//! The report as a page: the verdict, what it rests on, and where the file comes from.

mod drawings;
mod tables;

use super::{Report, worst};
use crate::figures::{bytes, cosine, count, decibels, percent, whole};
use crate::markup::Markup;
use crate::page::{Tile, page as whole_page};

/// One self-contained page.
pub(super) fn page(report: &Report) -> String {
    let title = format!("{}, {}", report.name, report.scheme);
    whole_page(&title, |main| {
        head(main, report);
        main.tiles(&tiles(report));
        drawings::size_against_agreement(main, report);
        drawings::layers(main, report);
        drawings::margins(main, report);
        tables::thresholds(main, report);
        tables::images(main, report);
        tables::origin(main, report);
    })
}

fn head(main: &mut Markup, report: &Report) {
    main.element("header", &[], |head| {
        head.element("div", &[("class", &"title")], |title| {
            title.leaf("h1", &[], &report.name);
            let (class, text) = if report.passed() {
                ("badge", "passed its acceptance test")
            } else {
                ("badge missed", "refused")
            };
            title.leaf("span", &[("class", &class)], text);
        });
        let kind = format!("{} weights, from {}", report.scheme, report.origin.source);
        head.leaf("p", &[("class", &"kind")], kind);
        head.leaf("p", &[("class", &"verdict")], verdict(report));
        if !report.passed() {
            head.element("ul", &[("class", &"reasons")], |list| {
                for failure in &report.verdict.failures {
                    list.leaf("li", &[], failure);
                }
            });
        }
    });
}

/// The verdict in a sentence or two.
fn verdict(report: &Report) -> String {
    let images = count(report.golden_images as u64, "golden image");
    if !report.passed() {
        return format!(
            "On {images} the packed model strays too far from the float model. No file was written."
        );
    }
    let smaller = smaller(report).map_or(String::new(), |ratio| {
        format!(" and is {ratio} smaller than in f32")
    });
    let Some(margins) = &report.margins else {
        return format!(
            "On {images} every feature points where the float model’s does. The file takes \
             {}{smaller}.",
            bytes(report.bytes)
        );
    };
    let flips = flips(report);
    let kept = margins.patches - flips;
    let near = match flips {
        0 => "every one of them",
        _ if report.verdict.wide_margin_flips == 0 => "and each of the others was a near-tie",
        _ => "and some of the others were no near-ties",
    };
    format!(
        "On {images}, {} of {} tokens are the float model’s, {near}. The file takes {}{smaller}.",
        whole(kept),
        whole(margins.patches),
        bytes(report.bytes)
    )
}

/// How many times smaller than with f32 weights, where that says anything.
fn smaller(report: &Report) -> Option<String> {
    let ratio = report.sizes.float_bytes as f64 / report.bytes as f64;
    (ratio > 1.05).then(|| format!("{ratio:.1}×"))
}

fn flips(report: &Report) -> u64 {
    u64::from(report.verdict.near_tie_flips) + u64::from(report.verdict.wide_margin_flips)
}

fn tiles(report: &Report) -> Vec<Tile> {
    let (found, limits) = (&report.verdict, &report.thresholds);
    let mut tiles = vec![Tile {
        name: "File",
        value: bytes(report.bytes),
        note: smaller(report).map_or("weights in f32".to_owned(), |ratio| {
            format!("{ratio} smaller than in f32")
        }),
        is_met: true,
    }];
    if let Some(agreement) = found.token_agreement {
        tiles.push(Tile {
            name: "Tokens kept",
            value: percent(agreement),
            note: format!("at least {}", percent(limits.min_token_agreement.into())),
            is_met: agreement >= f64::from(limits.min_token_agreement),
        });
        tiles.push(Tile {
            name: "Wide-margin flips",
            value: whole(found.wide_margin_flips.into()),
            note: format!("at most {}", limits.max_wide_margin_flips),
            is_met: found.wide_margin_flips <= limits.max_wide_margin_flips,
        });
    }
    tiles.push(Tile {
        name: "Lowest cosine",
        value: cosine(found.min_cosine),
        note: format!("at least {}", limits.min_cosine),
        is_met: found.min_cosine >= f64::from(limits.min_cosine),
    });
    let worst = worst(&report.layers);
    tiles.push(Tile {
        name: "Worst layer",
        value: worst.map_or("none".to_owned(), |layer| decibels(layer.output_snr_db)),
        note: worst.map_or("all are exact".to_owned(), |layer| {
            layer.tensor.trim_end_matches(".weight").to_owned()
        }),
        is_met: true,
    });
    tiles
}
