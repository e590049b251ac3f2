//! How far tokens are from changing: a histogram of margins, float and packed, with the flips.

use super::axis::Axis;
use super::{Anchor, Chart, Ground, WIDTH, drawing};
use crate::figures::whole;
use crate::markup::Markup;
use crate::report::MarginReport;

const HEIGHT: f64 = 300.0;

/// The histogram, with the wide margin marked and a tick below for each flip that is listed.
pub(crate) fn margins(report: &MarginReport, wide_margin: f64) -> Markup {
    let tallest = report.float.iter().chain(&report.packed).max();
    let tallest = f64::from(tallest.copied().unwrap_or(1));
    let widest = report.edges.last().copied().unwrap_or(1.0);
    let chart = Chart {
        x: Axis::up_to(widest, [62.0, WIDTH - 16.0], 8),
        y: Axis::rounded([0.0, tallest], [HEIGHT - 50.0, 62.0], 4),
    };
    let description = format!(
        "Of {} patches, {} changed their token",
        whole(report.patches),
        whole(report.flips.len() as u64)
    );
    drawing(
        Ground::Page,
        HEIGHT,
        ["Margins of the golden tokens", &description],
        |svg| {
            wide_zone(svg, &chart, wide_margin, widest);
            chart.y_grid(svg, |tick| whole(tick as u64));
            svg.label([0.0, 14.0], Anchor::Start, "title", "Patches");
            legend(svg);
            bars(svg, &chart, report);
            outline(svg, &chart, report);
            chart.x_ticks(svg, |tick| chart.x.name(tick));
            svg.label(
                [WIDTH - 16.0, HEIGHT - 10.0],
                Anchor::End,
                "title",
                "Margin: distance to the second centroid less the distance to the first",
            );
            for flip in &report.flips {
                let x = chart.x.place(flip.float_margin.into());
                let bottom = chart.y.from;
                svg.line("flip", [x, bottom + 1.0], [x, bottom - 14.0]);
            }
            wide_line(svg, &chart, wide_margin, widest);
        },
    )
}

/// Where flips are faults, tinted.
fn wide_zone(svg: &mut Markup, chart: &Chart, wide_margin: f64, widest: f64) {
    if wide_margin <= widest {
        let left = chart.x.place(wide_margin);
        let hover = "Here a flip is a fault";
        svg.bar(
            "zone",
            [left, chart.y.to],
            [chart.x.to, chart.y.from],
            hover,
        );
    }
}

fn wide_line(svg: &mut Markup, chart: &Chart, wide_margin: f64, widest: f64) {
    let top = chart.y.to - 4.0;
    if wide_margin > widest {
        let text = format!("wide from {wide_margin:.3}, beyond every margin here");
        svg.label([chart.x.to, top - 3.0], Anchor::End, "alert", text);
        return;
    }
    let x = chart.x.place(wide_margin);
    svg.line("bound", [x, top], [x, chart.y.from]);
    let (anchor, x) = if x < WIDTH * 0.6 {
        (Anchor::Start, x + 5.0)
    } else {
        (Anchor::End, x - 5.0)
    };
    let text = format!("wide from {wide_margin:.3}: a flip here is a fault");
    svg.label([x, top + 2.0], anchor, "alert", text);
}

fn bars(svg: &mut Markup, chart: &Chart, report: &MarginReport) {
    for (index, &patches) in report.float.iter().enumerate() {
        let [low, high] = [report.edges[index], report.edges[index + 1]];
        let hover = format!(
            "margin {low:.2} to {high:.2}: {} of the float model, {} packed",
            whole(patches.into()),
            whole(report.packed[index].into())
        );
        svg.bar(
            "float",
            [chart.x.place(low) + 0.5, chart.y.place(patches.into())],
            [chart.x.place(high) - 0.5, chart.y.from],
            hover,
        );
    }
}

fn outline(svg: &mut Markup, chart: &Chart, report: &MarginReport) {
    let mut line = vec![[chart.x.from, chart.y.from]];
    for (index, &patches) in report.packed.iter().enumerate() {
        let y = chart.y.place(patches.into());
        for edge in [report.edges[index], report.edges[index + 1]] {
            line.push([chart.x.place(edge), y]);
        }
    }
    line.push([chart.x.to, chart.y.from]);
    svg.path("step", &line);
}

fn legend(svg: &mut Markup) {
    svg.bar("float", [0.0, 26.0], [11.0, 37.0], "float model");
    svg.label([16.0, 36.0], Anchor::Start, "tick", "float model");
    svg.path("step", &[[98.0, 32.0], [116.0, 32.0]]);
    svg.label([121.0, 36.0], Anchor::Start, "tick", "packed model");
    svg.line("flip", [216.0, 26.0], [216.0, 37.0]);
    svg.label(
        [222.0, 36.0],
        Anchor::Start,
        "tick",
        "a token that changed, at its float margin",
    );
}
