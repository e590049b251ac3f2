//! A window's figures with their bounds, as displays and scripts take them.

use mimlet_display::Figure;
use mimlet_format::DriftReference;
use mimlet_runtime::drift::DriftFigures;

/// The figures beside the bounds of their reference.
pub(super) fn bounded(figures: &DriftFigures, reference: &DriftReference) -> [Figure<'static>; 4] {
    let figure = |name, short, value, bounds: [f32; 2]| Figure {
        name,
        short,
        value,
        bounds: bounds.map(f64::from),
    };
    [
        figure(
            "divergence",
            "div",
            figures.divergence,
            [0.0, reference.max_divergence],
        ),
        figure(
            "perplexity",
            "ppl",
            figures.perplexity,
            reference.perplexity,
        ),
        figure(
            "distance p50",
            "p50",
            figures.median_distance,
            reference.median_distance,
        ),
        figure(
            "distance p90",
            "p90",
            figures.high_distance,
            reference.high_distance,
        ),
    ]
}
