//! What a file's bytes are spent on, as one bar.

use super::{Anchor, COLOURS, Ground, WIDTH, drawing};
use crate::figures::{bytes, percent};
use crate::markup::Markup;
use crate::report::SizeReport;

/// Width of a column of the legend.
const COLUMN: f64 = WIDTH / 3.0;

/// The bar, the parts side by side, with a legend below.
pub(crate) fn sizes(report: &SizeReport) -> Markup {
    let parts = report.parts();
    let total: u64 = parts.iter().map(|(_, bytes)| bytes).sum();
    let rows = parts.len().div_ceil(3);
    let height = 44.0 + 22.0 * rows as f64;
    let share = |part: u64| part as f64 / total.max(1) as f64;
    let text = |name: &str, part: u64| format!("{name} {}, {}", bytes(part), percent(share(part)));
    let description: Vec<String> = parts.iter().map(|(name, part)| text(name, *part)).collect();
    drawing(
        Ground::Page,
        height,
        [
            "What the file’s bytes are spent on",
            &description.join("; "),
        ],
        |svg| {
            let mut left = 0.0;
            for (index, (name, part)) in parts.iter().enumerate() {
                let colour = COLOURS[index % COLOURS.len()];
                let right = left + share(*part) * WIDTH;
                // Parts thinner than a line would vanish, and the gap would be all of them.
                let gap = if right - left > 3.0 { 1.0 } else { 0.0 };
                svg.bar(colour, [left, 0.0], [right - gap, 26.0], text(name, *part));
                left = right;
                let x = (index % 3) as f64 * COLUMN;
                let y = 40.0 + (index / 3) as f64 * 22.0;
                svg.bar(colour, [x, y], [x + 11.0, y + 11.0], name);
                svg.label(
                    [x + 17.0, y + 10.0],
                    Anchor::Start,
                    "tick",
                    text(name, *part),
                );
            }
        },
    )
}
