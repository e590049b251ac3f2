//! The loss curve as a picture.

use std::path::Path;

use embedded_graphics::geometry::Point;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::WebColors;
use embedded_graphics::text::Alignment;

use super::log::Record;
use crate::error::TrainError;
use crate::picture::chart::{Axis, Chart};

/// Draws the loss over the steps, with `baseline`, the loss of knowing the targets' distribution
/// alone, as a line to fall below.
pub(crate) fn write_curve(
    path: &Path,
    records: &[Record],
    baseline: f64,
) -> Result<(), TrainError> {
    let Some(last) = records.last() else {
        return Ok(());
    };
    let losses = || records.iter().map(|record| record.loss);
    let low = losses().fold(baseline, f64::min);
    let high = losses().fold(baseline, f64::max);
    let steps = last.step.max(1) as f64;
    let mut chart = Chart::new(Axis::up_to(steps, 0), Axis::around(low, high, 2));
    chart.titles("loss on masked patches", "optimiser steps");
    let ends = [0.0, steps].map(|step| chart.point(step, baseline));
    chart.curve(&ends, Rgb888::CSS_DARK_ORANGE);
    let label = ends[1] + Point::new(0, -6);
    let caption = format!("knowing the targets' distribution alone {baseline:.2}");
    chart.text(&caption, [label.x, label.y], Alignment::Right);
    let points: Vec<Point> = records
        .iter()
        .map(|record| chart.point(record.step as f64, record.loss))
        .collect();
    chart.curve(&points, Rgb888::CSS_STEEL_BLUE);
    chart.write(path)
}
