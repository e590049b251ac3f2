//! Points that trade a cost for a quality, with the line of those that nothing beats.

use super::axis::Axis;
use super::labels::Labels;
use super::{Anchor, Chart, Ground, WIDTH, at, drawing};
use crate::figures::{cosine, percent};
use crate::markup::Markup;

/// Height of the drawing.
const HEIGHT: f64 = 330.0;
/// Room around a panel: for values at its left, for titles above and below.
const LEFT: f64 = 62.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 48.0;

/// How a point stands to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// None costs less at the same quality or is better at the same cost.
    Front,
    /// Another is at least as good for at most as much.
    Beaten,
    /// Missed its thresholds.
    Refused,
}

/// What quality is measured by; 1 is the best of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Tokens,
    LowestCosine,
    MeanCosine,
}

impl Measure {
    fn title(self) -> &'static str {
        match self {
            Self::Tokens => "Tokens that are the float model’s",
            Self::LowestCosine => "Lowest cosine to the float model’s features",
            Self::MeanCosine => "Mean cosine to the float model’s features",
        }
    }

    /// A quality in words.
    pub(crate) fn name(self, quality: f64) -> String {
        match self {
            Self::Tokens => percent(quality),
            Self::LowestCosine | Self::MeanCosine => cosine(quality),
        }
    }

    /// What a quality is multiplied with on its axis, and what stands behind it there.
    fn scale(self) -> (f64, &'static str) {
        match self {
            Self::Tokens => (100.0, " %"),
            Self::LowestCosine | Self::MeanCosine => (1.0, ""),
        }
    }
}

/// A point.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Point {
    pub(crate) name: String,
    /// A second line below the name.
    pub(crate) detail: String,
    /// Less is better.
    pub(crate) cost: f64,
    /// More is better.
    pub(crate) quality: f64,
    pub(crate) mark: Mark,
}

/// A panel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scatter {
    /// What the cost is, and its unit.
    pub(crate) cost: String,
    pub(crate) measure: Measure,
    pub(crate) points: Vec<Point>,
    /// Lowest quality allowed.
    pub(crate) bound: Option<f64>,
}

/// Panels side by side.
pub(crate) fn scatters(ground: Ground, title: &str, panels: &[Scatter]) -> Markup {
    let names = panels.iter().flat_map(|panel| &panel.points);
    let mut names: Vec<String> = names
        .map(|point| format!("{}: {}", point.name, point.detail))
        .collect();
    names.dedup();
    let description = names.join("; ");
    drawing(ground, HEIGHT, [title, &description], |svg| {
        let width = WIDTH / panels.len().max(1) as f64;
        // One scale for all, so that heights compare.
        let lowest = panels.iter().map(Scatter::lowest).fold(1.0, f64::min);
        for (index, panel) in panels.iter().enumerate() {
            let left = index as f64 * width;
            let shift = format!("translate({} 0)", at(left));
            svg.element("g", &[("transform", &shift)], |group| {
                panel.draw(group, width, lowest);
            });
        }
    })
}

impl Scatter {
    fn draw(&self, svg: &mut Markup, width: f64, lowest: f64) {
        let chart = self.chart(width, lowest);
        let (scale, unit) = self.measure.scale();
        chart.y_grid(svg, |tick| chart.y.name(tick) + unit);
        chart.x_ticks(svg, |tick| chart.x.name(tick));
        chart.y_title(svg, self.measure.title());
        chart.x_title(svg, &self.cost);
        let front = self.front(&chart);
        if let Some(&last) = front.last() {
            svg.path("front", &front);
            svg.path("reach", &[last, [chart.x.to, last[1]]]);
        }
        if let Some(bound) = self.bound {
            let y = chart.y.place(bound * scale);
            svg.line("bound", [chart.x.from, y], [chart.x.to, y]);
            // To the precision of f32, which thresholds have.
            let steps = 1e6 / scale;
            let text = format!("at least {}{unit}", (bound * scale * steps).round() / steps);
            svg.label([chart.x.to, y + 15.0], Anchor::End, "alert", text);
        }
        self.draw_points(svg, &chart, &front);
    }

    /// The lowest quality to be shown.
    fn lowest(&self) -> f64 {
        let qualities = self.points.iter().map(|point| point.quality);
        let lowest = qualities
            .chain(self.bound)
            .filter(|quality| quality.is_finite())
            // Some room even where all are perfect.
            .fold(0.9999, f64::min);
        // Room below the lowest for what is written there.
        lowest - 0.12 * (1.0 - lowest)
    }

    fn chart(&self, width: f64, lowest: f64) -> Chart {
        let (scale, _) = self.measure.scale();
        let highest = self
            .points
            .iter()
            .map(|point| point.cost)
            .fold(0.0, f64::max);
        Chart {
            x: Axis::rounded([0.0, highest], [LEFT, width - RIGHT], 5),
            y: Axis::rounded([lowest * scale, scale], [HEIGHT - BOTTOM, TOP], 5),
        }
    }

    fn place(&self, chart: &Chart, cost: f64, quality: f64) -> [f64; 2] {
        let (scale, _) = self.measure.scale();
        [chart.x.place(cost), chart.y.place(quality * scale)]
    }

    /// The best quality to be had for each cost.
    fn front(&self, chart: &Chart) -> Vec<[f64; 2]> {
        let mut front: Vec<&Point> = self
            .points
            .iter()
            .filter(|point| point.mark == Mark::Front)
            .collect();
        front.sort_by(|a, b| a.cost.total_cmp(&b.cost));
        let place = |cost, quality| self.place(chart, cost, quality);
        let mut line = Vec::new();
        for (index, point) in front.iter().enumerate() {
            if let Some(before) = index.checked_sub(1).and_then(|index| front.get(index)) {
                line.push(place(point.cost, before.quality));
            }
            line.push(place(point.cost, point.quality));
        }
        line
    }

    fn draw_points(&self, svg: &mut Markup, chart: &Chart, front: &[[f64; 2]]) {
        let places: Vec<[f64; 2]> = self
            .points
            .iter()
            .map(|point| self.place(chart, point.cost, point.quality))
            .collect();
        let bounds = [
            chart.x.from,
            chart.y.to - 6.0,
            chart.x.to + RIGHT,
            chart.y.from,
        ];
        let mut labels = Labels::new(bounds, &places);
        labels.avoid(front);
        if let Some(bound) = self.bound {
            // Its line, and what is written below it.
            let [_, y] = self.place(chart, 0.0, bound);
            labels.keep_clear([chart.x.from, y - 2.0, chart.x.to, y + 2.0]);
            labels.keep_clear([chart.x.to - 110.0, y, chart.x.to, y + 20.0]);
        }
        for (point, &[x, y]) in self.points.iter().zip(&places) {
            let class = match point.mark {
                Mark::Front => "point",
                Mark::Beaten => "beaten",
                Mark::Refused => "refused",
            };
            svg.disc(class, [x, y], format!("{}: {}", point.name, point.detail));
            let characters = |text: &str| text.chars().count();
            let longest = characters(&point.name).max(characters(&point.detail));
            let place = labels.place([x, y], longest, 2);
            let [x, y] = place.at;
            svg.label([x, y], place.anchor, "strong on-top", &point.name);
            svg.label([x, y + 15.0], place.anchor, "tick on-top", &point.detail);
        }
    }
}
