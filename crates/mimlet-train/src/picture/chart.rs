//! A chart: two axes with grid lines, and what is drawn between them.

use std::convert::Infallible;
use std::path::Path;

use embedded_graphics::Drawable;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::FONT_8X13;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::{Pixel, Primitive, RgbColor, WebColors};
use embedded_graphics::primitives::{Circle, Line, Polyline, PrimitiveStyle};
use embedded_graphics::text::{Alignment, Text};
use image::{Rgb, RgbImage};

use super::write_png;
use crate::error::TrainError;

/// Width of a chart, pixels.
pub(crate) const WIDTH: u32 = 720;
/// Height of a chart, pixels.
pub(crate) const HEIGHT: u32 = 420;
/// Room for labels: left, top, right, bottom.
const MARGIN: [i32; 4] = [64, 34, 24, 54];
/// Width and height of a letter, pixels.
pub(crate) const LETTER: [i32; 2] = [8, 13];

/// What a side of the chart measures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Axis {
    low: f64,
    high: f64,
    /// Between grid lines.
    spacing: f64,
    /// Digits after the point of a grid line's value.
    decimals: usize,
}

impl Axis {
    /// From `low` to `high`, widened to the grid lines next to them.
    pub(crate) fn around(low: f64, high: f64, decimals: usize) -> Self {
        let spacing = tick_spacing(high - low);
        let (first, last) = ((low / spacing).floor(), (high / spacing).ceil());
        Self {
            low: first * spacing,
            high: last.max(first + 1.0) * spacing,
            spacing,
            decimals,
        }
    }

    /// From 0 to exactly `high`, which is above it.
    pub(crate) fn up_to(high: f64, decimals: usize) -> Self {
        Self {
            low: 0.0,
            high,
            spacing: tick_spacing(high),
            decimals,
        }
    }

    /// Values of the grid lines.
    fn ticks(&self) -> impl Iterator<Item = f64> {
        // A grid line that rounding puts a hair beyond the end is one still.
        let count = ((self.high - self.low) / self.spacing + 1e-6).floor() as i32;
        (0..=count).map(|tick| self.low + f64::from(tick) * self.spacing)
    }

    /// How far along the axis `value` lies, 0..1.
    fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }
}

/// A round step (1, 2 or 5 times a power of ten) that cuts `span` into at most eight parts.
fn tick_spacing(span: f64) -> f64 {
    let rough = span.max(1e-3) / 8.0;
    let power = 10f64.powf(rough.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    round
        .into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(power * 10.0)
}

/// A picture with axes that embedded-graphics can draw on.
#[derive(Debug)]
pub(crate) struct Chart {
    picture: RgbImage,
    x: Axis,
    y: Axis,
}

impl Chart {
    /// Grid lines with their values on white.
    pub(crate) fn new(x: Axis, y: Axis) -> Self {
        let picture = RgbImage::from_pixel(WIDTH, HEIGHT, Rgb([255; 3]));
        let mut chart = Self { picture, x, y };
        for value in y.ticks() {
            let (from, to) = (chart.point(x.low, value), chart.point(x.high, value));
            chart.line(from, to, Rgb888::CSS_GAINSBORO);
            let caption = format!("{value:.*}", y.decimals);
            chart.text(&caption, [from.x - 8, from.y + 4], Alignment::Right);
        }
        for value in x.ticks() {
            let (from, to) = (chart.point(value, y.low), chart.point(value, y.high));
            chart.line(from, to, Rgb888::CSS_GAINSBORO);
            let caption = format!("{value:.*}", x.decimals);
            chart.text(&caption, [from.x, from.y + 18], Alignment::Center);
        }
        chart
    }

    /// Where values lie in the picture.
    pub(crate) fn point(&self, x: f64, y: f64) -> Point {
        let [left, top, right, bottom] = MARGIN;
        let width = f64::from(WIDTH as i32 - left - right);
        let height = f64::from(HEIGHT as i32 - top - bottom);
        let x = f64::from(left) + width * self.x.share(x);
        let y = f64::from(top) + height * (1.0 - self.y.share(y));
        Point::new(x.round() as i32, y.round() as i32)
    }

    /// What the chart, and what its horizontal axis, is about.
    pub(crate) fn titles(&mut self, title: &str, below: &str) {
        self.text(title, [8, 20], Alignment::Left);
        let middle = [(WIDTH / 2) as i32, HEIGHT as i32 - 10];
        self.text(below, middle, Alignment::Center);
    }

    /// A thin line.
    pub(crate) fn line(&mut self, from: Point, to: Point, colour: Rgb888) {
        let style = PrimitiveStyle::with_stroke(colour, 1);
        infallible(Line::new(from, to).into_styled(style).draw(self));
    }

    /// A line from point to point.
    pub(crate) fn curve(&mut self, points: &[Point], colour: Rgb888) {
        let style = PrimitiveStyle::with_stroke(colour, 2);
        infallible(Polyline::new(points).into_styled(style).draw(self));
    }

    /// A disc, or a ring.
    pub(crate) fn mark(&mut self, at: Point, colour: Rgb888, hollow: bool) {
        const DIAMETER: u32 = 11;
        let style = if hollow {
            PrimitiveStyle::with_stroke(colour, 2)
        } else {
            PrimitiveStyle::with_fill(colour)
        };
        let disc = Circle::with_center(at, DIAMETER).into_styled(style);
        infallible(disc.draw(self));
    }

    /// Words in black.
    pub(crate) fn text(&mut self, text: &str, at: [i32; 2], alignment: Alignment) {
        self.words(text, at, alignment, Rgb888::BLACK);
    }

    /// Words in the colour of what they name.
    pub(crate) fn label(&mut self, text: &str, at: [i32; 2], colour: Rgb888) {
        self.words(text, at, Alignment::Left, colour);
    }

    fn words(&mut self, text: &str, at: [i32; 2], alignment: Alignment, colour: Rgb888) {
        let style = MonoTextStyle::new(&FONT_8X13, colour);
        let at = Point::new(at[0], at[1]);
        infallible(Text::with_alignment(text, at, style, alignment).draw(self));
    }

    /// Writes the picture as a PNG.
    pub(crate) fn write(&self, path: &Path) -> Result<(), TrainError> {
        write_png(path, &self.picture)
    }
}

/// The value of a result that cannot be an error.
fn infallible<T>(result: Result<T, Infallible>) -> T {
    match result {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

impl OriginDimensions for Chart {
    fn size(&self) -> Size {
        Size::new(WIDTH, HEIGHT)
    }
}

impl DrawTarget for Chart {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Infallible> {
        for Pixel(point, colour) in pixels {
            if let (Ok(x), Ok(y)) = (u32::try_from(point.x), u32::try_from(point.y))
                && let Some(pixel) = self.picture.get_pixel_mut_checked(x, y)
            {
                *pixel = Rgb([colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        assert!((tick_spacing(2.3) - 0.5).abs() < 1e-9);
        assert!((tick_spacing(5000.0) - 1000.0).abs() < 1e-9);
        for span in [1e-6, 0.02, 0.7, 9.0, 12_345.0] {
            assert!(span / tick_spacing(span) <= 8.0);
        }
    }

    #[test]
    fn axes_hold_what_they_were_asked_to() {
        let axis = Axis::around(0.52, 0.74, 2);
        let ticks: Vec<f64> = axis.ticks().collect();
        assert!(
            ticks[0] <= 0.52 && ticks[ticks.len() - 1] >= 0.74,
            "{ticks:?}"
        );
        assert!((axis.share(0.52) > 0.0) && (axis.share(0.74) < 1.0));
        // One value alone still has a place.
        assert!(Axis::around(0.5, 0.5, 2).share(0.5).is_finite());
        let chart = Chart::new(Axis::up_to(90.0, 0), Axis::around(1.0, 3.0, 1));
        assert_eq!(chart.point(90.0, 1.0), Point::new(696, 366));
        assert_eq!(chart.point(0.0, 3.0), Point::new(64, 34));
    }
}
