//! The loss curve as a picture.

use std::convert::Infallible;
use std::path::Path;

use embedded_graphics::Drawable;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::FONT_8X13;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::{Pixel, Primitive, RgbColor, WebColors};
use embedded_graphics::primitives::{Line, Polyline, PrimitiveStyle};
use embedded_graphics::text::{Alignment, Text};
use image::{Rgb, RgbImage};

use super::log::Record;
use crate::error::TrainError;
use crate::picture::write_png;

const WIDTH: u32 = 720;
const HEIGHT: u32 = 420;
/// Room for labels: left, top, right, bottom.
const MARGIN: [i32; 4] = [64, 34, 24, 54];

/// Draws the loss over the steps, with the entropy of the tokens' own distribution as a line to
/// fall below.
pub(crate) fn write_curve(path: &Path, records: &[Record], entropy: f64) -> Result<(), TrainError> {
    let Some(last) = records.last() else {
        return Ok(());
    };
    let losses = || records.iter().map(|record| record.loss);
    let low = losses().fold(entropy, f64::min);
    let high = losses().fold(entropy, f64::max);
    let spacing = tick_spacing(high - low);
    let scale = Scale {
        low: (low / spacing).floor() * spacing,
        high: (high / spacing).ceil() * spacing,
        last: last.step.max(1) as f64,
    };
    let mut picture = Picture(RgbImage::from_pixel(WIDTH, HEIGHT, Rgb([255; 3])));
    picture.axes(&scale, spacing);
    picture.text("loss on masked patches, nats", [8, 20], Alignment::Left);
    let middle = [(WIDTH / 2) as i32, HEIGHT as i32 - 10];
    picture.text("optimiser steps", middle, Alignment::Center);
    let ends = [0.0, scale.last].map(|step| scale.point(step, entropy));
    picture.curve(&ends, Rgb888::CSS_DARK_ORANGE);
    let label = ends[1] + Point::new(0, -6);
    let caption = format!("entropy of the tokens alone {entropy:.2}");
    picture.text(&caption, [label.x, label.y], Alignment::Right);
    let points: Vec<Point> = records
        .iter()
        .map(|record| scale.point(record.step as f64, record.loss))
        .collect();
    picture.curve(&points, Rgb888::CSS_STEEL_BLUE);
    write_png(path, &picture.0)
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

/// From steps and nats to pixels.
struct Scale {
    low: f64,
    high: f64,
    last: f64,
}

impl Scale {
    fn point(&self, step: f64, loss: f64) -> Point {
        let [left, top, right, bottom] = MARGIN;
        let width = f64::from(WIDTH as i32 - left - right);
        let height = f64::from(HEIGHT as i32 - top - bottom);
        let x = f64::from(left) + width * step / self.last;
        let y = f64::from(top) + height * (self.high - loss) / (self.high - self.low);
        Point::new(x.round() as i32, y.round() as i32)
    }
}

/// A picture that embedded-graphics can draw on.
struct Picture(RgbImage);

impl Picture {
    /// Grid lines with their values.
    fn axes(&mut self, scale: &Scale, spacing: f64) {
        let lines = ((scale.high - scale.low) / spacing).round() as i32;
        for tick in 0..=lines {
            let loss = scale.low + f64::from(tick) * spacing;
            let (from, to) = (scale.point(0.0, loss), scale.point(scale.last, loss));
            self.line(from, to);
            let caption = format!("{loss:.2}");
            self.text(&caption, [from.x - 8, from.y + 4], Alignment::Right);
        }
        let spacing = tick_spacing(scale.last);
        for tick in 0..=(scale.last / spacing) as i32 {
            let step = f64::from(tick) * spacing;
            let (from, to) = (scale.point(step, scale.low), scale.point(step, scale.high));
            self.line(from, to);
            let caption = format!("{step:.0}");
            self.text(&caption, [from.x, from.y + 18], Alignment::Center);
        }
    }

    fn line(&mut self, from: Point, to: Point) {
        let style = PrimitiveStyle::with_stroke(Rgb888::CSS_GAINSBORO, 1);
        infallible(Line::new(from, to).into_styled(style).draw(self));
    }

    fn curve(&mut self, points: &[Point], colour: Rgb888) {
        let style = PrimitiveStyle::with_stroke(colour, 2);
        infallible(Polyline::new(points).into_styled(style).draw(self));
    }

    fn text(&mut self, text: &str, at: [i32; 2], alignment: Alignment) {
        let style = MonoTextStyle::new(&FONT_8X13, Rgb888::BLACK);
        let at = Point::new(at[0], at[1]);
        infallible(Text::with_alignment(text, at, style, alignment).draw(self));
    }
}

/// The value of a result that cannot be an error.
fn infallible<T>(result: Result<T, Infallible>) -> T {
    match result {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

impl OriginDimensions for Picture {
    fn size(&self) -> Size {
        Size::new(WIDTH, HEIGHT)
    }
}

impl DrawTarget for Picture {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Infallible> {
        for Pixel(point, colour) in pixels {
            if let (Ok(x), Ok(y)) = (u32::try_from(point.x), u32::try_from(point.y))
                && let Some(pixel) = self.0.get_pixel_mut_checked(x, y)
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
}
