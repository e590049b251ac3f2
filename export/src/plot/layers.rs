//! The error of each linear layer, in the order the network runs them.

use super::axis::Axis;
use super::{Anchor, COLOURS, Chart, Ground, WIDTH, drawing};
use crate::figures::{decibels, relative_error};
use crate::markup::Markup;
use crate::report::{LayerReport, worst};

const HEIGHT: f64 = 300.0;

/// Bars of the layers' relative output error, the worst named; `None` when no layer has any.
pub(crate) fn layers(layers: &[LayerReport]) -> Option<Markup> {
    let worst = worst(layers)?;
    let worst_snr = worst.output_snr_db?;
    let places: Vec<Place<'_>> = layers.iter().map(Place::of).collect();
    let mut kinds: Vec<&str> = Vec::new();
    for place in &places {
        if !kinds.contains(&place.kind) {
            kinds.push(place.kind);
        }
    }
    let chart = Chart {
        x: Axis::up_to(layers.len() as f64, [62.0, WIDTH - 16.0], 5),
        y: Axis::rounded(
            [0.0, 100.0 * relative_error(worst_snr)],
            [HEIGHT - 42.0, 62.0],
            4,
        ),
    };
    let description = format!("Worst is {} at {}", worst.tensor, decibels(Some(worst_snr)));
    Some(drawing(
        Ground::Page,
        HEIGHT,
        ["Relative output error of each linear layer", &description],
        |svg| {
            chart.y_grid(svg, |tick| format!("{} %", chart.y.name(tick)));
            svg.label(
                [0.0, 14.0],
                Anchor::Start,
                "title",
                "Noise in a layer’s output, share of the signal (RMS)",
            );
            legend(svg, &kinds);
            for (index, (layer, place)) in layers.iter().zip(&places).enumerate() {
                let kind = kinds.iter().position(|kind| *kind == place.kind);
                let colour = COLOURS[kind.unwrap_or(0) % COLOURS.len()];
                let is_worst = std::ptr::eq(layer, worst);
                let class = if is_worst { "worst" } else { colour };
                bar(svg, &chart, index, layer, class);
            }
            block_names(svg, &chart, &places);
            let index = layers.iter().position(|layer| std::ptr::eq(layer, worst));
            name_worst(svg, &chart, index.unwrap_or(0), worst);
        },
    ))
}

/// Where a layer is: `blocks.3.attn.qkv.weight` is `attn.qkv` of block 3.
struct Place<'a> {
    block: &'a str,
    kind: &'a str,
}

impl<'a> Place<'a> {
    fn of(layer: &'a LayerReport) -> Self {
        let name = layer.tensor.trim_end_matches(".weight");
        let inside = name.strip_prefix("blocks.").and_then(|n| n.split_once('.'));
        let (block, kind) = inside.unwrap_or(("", name));
        Self { block, kind }
    }
}

fn error(layer: &LayerReport) -> f64 {
    layer
        .output_snr_db
        .map_or(0.0, |snr| 100.0 * relative_error(snr))
}

/// Left and right of a bar.
fn span(chart: &Chart, index: usize) -> [f64; 2] {
    let gap = (chart.x.place(1.0) - chart.x.place(0.0)) * 0.12;
    [
        chart.x.place(index as f64) + gap,
        chart.x.place(index as f64 + 1.0) - gap,
    ]
}

fn bar(svg: &mut Markup, chart: &Chart, index: usize, layer: &LayerReport, class: &str) {
    let [left, right] = span(chart, index);
    let top = chart.y.place(error(layer));
    let hover = format!(
        "{} in {}: {:.3} % error, {}, cosine {:.6}",
        layer.tensor,
        layer.dtype,
        error(layer),
        decibels(layer.output_snr_db),
        layer.output_cosine
    );
    svg.bar(class, [left, top], [right, chart.y.from], hover);
}

fn legend(svg: &mut Markup, kinds: &[&str]) {
    let mut x = 0.0;
    for (kind, colour) in kinds.iter().zip(COLOURS.iter().cycle()) {
        svg.bar(colour, [x, 26.0], [x + 11.0, 37.0], kind);
        svg.label([x + 16.0, 36.0], Anchor::Start, "tick", kind);
        x += 16.0 + 7.0 * kind.chars().count() as f64 + 16.0;
    }
}

/// The blocks' numbers below, with a line between blocks; every few of them where there are many.
fn block_names(svg: &mut Markup, chart: &Chart, places: &[Place<'_>]) {
    let bottom = chart.y.from;
    svg.line("axis", [chart.x.from, bottom], [chart.x.to, bottom]);
    let mut start = 0;
    let mut free_from = f64::MIN;
    for index in 1..=places.len() {
        if index < places.len() && places[index].block == places[start].block {
            continue;
        }
        let [left, right] = [start, index].map(|index| chart.x.place(index as f64));
        svg.line("axis", [left, bottom], [left, bottom + 5.0]);
        let name = match places[start].block {
            "" => places[start].kind.to_owned(),
            number => format!("block {number}"),
        };
        let (middle, half) = ((left + right) / 2.0, 3.6 * name.chars().count() as f64);
        if middle - half > free_from {
            svg.label([middle, bottom + 19.0], Anchor::Middle, "tick", name);
            free_from = middle + half + 6.0;
        }
        start = index;
    }
    svg.line("axis", [chart.x.to, bottom], [chart.x.to, bottom + 5.0]);
}

/// The worst layer's name over its bar, on the side where there is room.
fn name_worst(svg: &mut Markup, chart: &Chart, index: usize, layer: &LayerReport) {
    let [left, right] = span(chart, index);
    let middle = (left + right) / 2.0;
    let anchor = match middle {
        x if x < WIDTH * 0.3 => Anchor::Start,
        x if x > WIDTH * 0.7 => Anchor::End,
        _ => Anchor::Middle,
    };
    let x = match anchor {
        Anchor::Start => left,
        Anchor::Middle => middle,
        Anchor::End => right,
    };
    let text = format!(
        "worst: {}, {:.2} % ({})",
        layer.tensor,
        error(layer),
        decibels(layer.output_snr_db)
    );
    let y = chart.y.place(error(layer)) - 7.0;
    svg.label([x, y], anchor, "alert", text);
}
