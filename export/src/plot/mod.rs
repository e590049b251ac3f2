//! Data graphics as SVG: a line of text for the ear, exact values on hover, readable in light, in
//! dark and on paper.
//!
//! Coordinates are those of [`WIDTH`] units across, one unit a pixel on a desktop. Colours are
//! classes of [`STYLE`], so that one drawing serves both modes.

mod axis;
mod labels;
mod layers;
mod margins;
mod scatter;
mod sizes;

pub(crate) use layers::layers;
pub(crate) use margins::margins;
pub(crate) use scatter::{Mark, Measure, Point, Scatter, scatters};
pub(crate) use sizes::sizes;

use crate::markup::Markup;
use axis::Axis;
use std::fmt::Display;

/// Width of every plot.
pub(crate) const WIDTH: f64 = 860.0;

/// How the classes used here look.
pub(crate) const STYLE: &str = include_str!("plot.css");

/// Classes that tell kinds of things apart.
const COLOURS: [&str; 8] = ["k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"];

/// A coordinate, to a tenth.
fn at(value: f64) -> f64 {
    (value * 10.0).round() / 10.0 + 0.0
}

/// Where a drawing will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    /// In a page, which has the styles.
    Page,
    /// In a file of its own, with styles, background and a margin.
    Own,
}

impl Ground {
    fn margin(self) -> f64 {
        match self {
            Self::Page => 0.0,
            Self::Own => 20.0,
        }
    }
}

/// A drawing that is read out as its title and a description.
fn drawing(
    ground: Ground,
    height: f64,
    [title, description]: [&str; 2],
    content: impl FnOnce(&mut Markup),
) -> Markup {
    let margin = ground.margin();
    let [width, height] = [WIDTH, height].map(|side| at(side + 2.0 * margin));
    let view = format!("{} {} {width} {height}", at(-margin), at(-margin));
    let attributes: [(&str, &dyn Display); 7] = [
        ("xmlns", &"http://www.w3.org/2000/svg"),
        ("class", &"plot"),
        ("viewBox", &view),
        ("width", &width),
        ("height", &height),
        ("role", &"img"),
        ("aria-label", &format!("{title}. {description}")),
    ];
    let mut svg = Markup::default();
    svg.element("svg", &attributes, |svg| {
        if ground == Ground::Own {
            svg.element("style", &[], |style| {
                style.raw(STYLE);
            });
            let back: [(&str, &dyn Display); 5] = [
                ("class", &"back"),
                ("x", &at(-margin)),
                ("y", &at(-margin)),
                ("width", &width),
                ("height", &height),
            ];
            svg.empty("rect", &back);
        }
        content(svg);
    });
    svg
}

/// Where a text stands against its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// Elements in one call each.
impl Markup {
    fn label(
        &mut self,
        [x, y]: [f64; 2],
        anchor: Anchor,
        class: &'static str,
        text: impl Display,
    ) -> &mut Self {
        let attributes: [(&str, &dyn Display); 4] = [
            ("x", &at(x)),
            ("y", &at(y)),
            ("text-anchor", &anchor.name()),
            ("class", &class),
        ];
        self.leaf("text", &attributes, text)
    }

    fn line(&mut self, class: &'static str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) -> &mut Self {
        self.empty(
            "line",
            &[
                ("class", &class),
                ("x1", &at(x1)),
                ("y1", &at(y1)),
                ("x2", &at(x2)),
                ("y2", &at(y2)),
            ],
        )
    }

    /// A bar from one corner to the other, with a text on hover.
    fn bar(
        &mut self,
        class: &str,
        [left, top]: [f64; 2],
        [right, bottom]: [f64; 2],
        hover: impl Display,
    ) -> &mut Self {
        let attributes: [(&str, &dyn Display); 5] = [
            ("class", &class),
            ("x", &at(left)),
            ("y", &at(top)),
            ("width", &at(right - left)),
            ("height", &at(bottom - top)),
        ];
        self.element("rect", &attributes, |bar| {
            bar.leaf("title", &[], hover);
        })
    }

    /// A point, with a text on hover.
    fn disc(&mut self, class: &str, [x, y]: [f64; 2], hover: impl Display) -> &mut Self {
        let attributes: [(&str, &dyn Display); 4] =
            [("class", &class), ("cx", &at(x)), ("cy", &at(y)), ("r", &6)];
        self.element("circle", &attributes, |disc| {
            disc.leaf("title", &[], hover);
        })
    }

    fn path(&mut self, class: &'static str, points: &[[f64; 2]]) -> &mut Self {
        let mut data = String::new();
        for (index, [x, y]) in points.iter().enumerate() {
            let command = if index == 0 { "M" } else { "L" };
            data += &format!("{command}{} {}", at(*x), at(*y));
        }
        self.empty("path", &[("class", &class), ("d", &data)])
    }
}

/// The rectangle that data is drawn in, with its axes.
#[derive(Debug)]
struct Chart {
    x: Axis,
    y: Axis,
}

impl Chart {
    /// Horizontal lines with the values of `y` at their left.
    fn y_grid(&self, svg: &mut Markup, name: impl Fn(f64) -> String) {
        for &tick in &self.y.ticks {
            let y = self.y.place(tick);
            svg.line("grid", [self.x.from, y], [self.x.to, y]);
            svg.label(
                [self.x.from - 8.0, y + 4.0],
                Anchor::End,
                "tick",
                name(tick),
            );
        }
    }

    /// The values of `x` below.
    fn x_ticks(&self, svg: &mut Markup, name: impl Fn(f64) -> String) {
        let bottom = self.y.from;
        svg.line("axis", [self.x.from, bottom], [self.x.to, bottom]);
        for &tick in &self.x.ticks {
            let x = self.x.place(tick);
            svg.line("axis", [x, bottom], [x, bottom + 4.0]);
            svg.label([x, bottom + 18.0], Anchor::Middle, "tick", name(tick));
        }
    }

    /// What `y` is, above its axis.
    fn y_title(&self, svg: &mut Markup, title: &str) {
        let top = self.y.to - 14.0;
        svg.label([0.0, top], Anchor::Start, "title", title);
    }

    /// What `x` is, below its values.
    fn x_title(&self, svg: &mut Markup, title: &str) {
        let bottom = self.y.from + 38.0;
        svg.label([self.x.to, bottom], Anchor::End, "title", title);
    }
}
