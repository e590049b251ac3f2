//! 320 x 240 pixels of RGB.

use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::Point;
use embedded_graphics::mono_font::ascii::{FONT_6X10, FONT_7X13_BOLD, FONT_10X20};
use embedded_graphics::pixelcolor::{Rgb565, RgbColor};

use crate::dashboard::Status;
use crate::line::Line;
use crate::paint::{Ink, area};
use crate::{Alignment, Dashboard, Figure, scale, token_map};

const GROUND: Rgb565 = Rgb565::new(2, 5, 3);
const PANEL: Rgb565 = Rgb565::new(5, 11, 7);
const FAINT: Rgb565 = Rgb565::new(18, 38, 20);
const GOOD: Rgb565 = Rgb565::new(5, 40, 11);
const BAD: Rgb565 = Rgb565::new(27, 12, 7);

const NAME: Ink<'static, Rgb565> = ink(FAINT);
const VALUE: Ink<'static, Rgb565> = ink(Rgb565::WHITE);
const HEADING: Ink<'static, Rgb565> = Ink {
    font: &FONT_7X13_BOLD,
    colour: Rgb565::WHITE,
};

/// The column of figures: its left edge and width.
const COLUMN: (i32, u32) = (182, 130);

const fn ink(colour: Rgb565) -> Ink<'static, Rgb565> {
    Ink {
        font: &FONT_6X10,
        colour,
    }
}

impl Dashboard<'_> {
    /// Draws every pixel of the 320 x 240 at the top left of a colour display.
    ///
    /// # Errors
    /// What the display says.
    pub fn draw_colour<D: DrawTarget<Color = Rgb565>>(
        &self,
        target: &mut D,
    ) -> Result<(), D::Error> {
        target.fill_solid(&area(0, 0, 320, 240), GROUND)?;
        self.colour_header(target)?;
        self.colour_map(target)?;
        self.colour_drift(target)?;
        self.colour_footing(target)?;
        self.colour_status(target)
    }

    /// The model, and how many frames it saw.
    fn colour_header<D: DrawTarget<Color = Rgb565>>(&self, target: &mut D) -> Result<(), D::Error> {
        target.fill_solid(&area(0, 0, 320, 22), PANEL)?;
        let frames = Line::of(format_args!("frame {}", self.frames));
        let taken = frames.as_str().chars().count() + 2;
        let title = Line::fitted(self.title, (304 / 7usize).saturating_sub(taken));
        HEADING.left(target, title.as_str(), Point::new(8, 5))?;
        HEADING.right(target, frames.as_str(), Point::new(312, 5))
    }

    fn colour_map<D: DrawTarget<Color = Rgb565>>(&self, target: &mut D) -> Result<(), D::Error> {
        let frame = area(8, 30, 164, 164);
        target.fill_solid(&frame, PANEL)?;
        if self.tokens.is_empty() {
            NAME.centred(target, "no codebook,", Point::new(90, 100))?;
            return NAME.centred(target, "so no tokens", Point::new(90, 112));
        }
        let inner = area(10, 32, 160, 160);
        token_map::draw(self, target, inner, |token, _| token_map::rgb(token))
    }

    fn colour_drift<D: DrawTarget<Color = Rgb565>>(&self, target: &mut D) -> Result<(), D::Error> {
        let (left, width) = COLUMN;
        let right = left + width as i32;
        HEADING.left(target, "drift", Point::new(left, 28))?;
        if let Some([done, of]) = self.drift.filled() {
            let filled = Line::of(format_args!("window {done}/{of}"));
            NAME.right(target, filled.as_str(), Point::new(right, 31))?;
        }
        let figures = self.drift.figures();
        for (index, figure) in figures.iter().enumerate() {
            colour_figure(target, figure, 47 + 29 * index as i32)?;
        }
        if figures.is_empty() {
            let reason = match self.drift.status() {
                Status::NotMeasured => ["not measured:", "the file has no", "drift reference"],
                _ => ["after the first", "full window", ""],
            };
            for (line, y) in reason.iter().zip([76, 88, 100]) {
                NAME.centred(target, line, Point::new(left + width as i32 / 2, y))?;
            }
        }
        match &self.tcas {
            Some(alignment) => colour_tcas(target, alignment, 168),
            None => Ok(()),
        }
    }

    /// Latency, and frames that could not be read.
    fn colour_footing<D: DrawTarget<Color = Rgb565>>(
        &self,
        target: &mut D,
    ) -> Result<(), D::Error> {
        let latency = Line::number(self.latency_ms, 3);
        let latency = Line::of(format_args!("{} ms", latency.as_str()));
        let large = Ink {
            font: &FONT_10X20,
            colour: Rgb565::WHITE,
        };
        large.left(target, latency.as_str(), Point::new(8, 196))?;
        let end = 8 + 10 * latency.as_str().len() as i32 + 6;
        NAME.left(target, "encode", Point::new(end, 203))?;
        let right = COLUMN.0 + COLUMN.1 as i32;
        if self.skipped > 0 {
            let skipped = Line::of(format_args!("{} skipped", self.skipped));
            NAME.right(target, skipped.as_str(), Point::new(right, 203))?;
        }
        Ok(())
    }

    fn colour_status<D: DrawTarget<Color = Rgb565>>(&self, target: &mut D) -> Result<(), D::Error> {
        let (colour, text) = match self.drift.status() {
            Status::NotMeasured => (PANEL, Line::of(format_args!("drift is not measured"))),
            Status::Collecting(_) => (PANEL, Line::of(format_args!("filling the first window"))),
            Status::Calm => (GOOD, Line::of(format_args!("calm"))),
            Status::Alarm(first, 0) => (BAD, Line::of(format_args!("DRIFT: {}", first.name))),
            Status::Alarm(first, more) => (
                BAD,
                Line::of(format_args!("DRIFT: {} and {more} more", first.name)),
            ),
        };
        target.fill_solid(&area(0, 218, 320, 22), colour)?;
        HEADING.centred(target, text.as_str(), Point::new(160, 223))
    }
}

/// A figure's name and value over a bar on which its bounds are green.
fn colour_figure<D: DrawTarget<Color = Rgb565>>(
    target: &mut D,
    figure: &Figure<'_>,
    y: i32,
) -> Result<(), D::Error> {
    let (left, width) = COLUMN;
    let [low, high] = scale::bounds(width);
    let (text, mark) = if figure.is_inside() {
        (VALUE, Rgb565::WHITE)
    } else {
        (ink(Rgb565::new(31, 24, 12)), Rgb565::new(31, 24, 12))
    };
    NAME.left(target, figure.name, Point::new(left, y))?;
    let value = Line::number(figure.value, 4);
    text.right(target, value.as_str(), Point::new(left + width as i32, y))?;
    target.fill_solid(&area(left, y + 12, width, 8), PANEL)?;
    let inside = area(left + low as i32, y + 12, high - low + 1, 8);
    target.fill_solid(&inside, GOOD)?;
    // Three pixels about its place, all of them on the bar.
    let place = scale::position(figure, width).clamp(1, width - 2);
    target.fill_solid(&area(left + place as i32 - 1, y + 11, 3, 10), mark)
}

/// TCAS over a bar of 0..1, with a mark where the file's own bound is.
fn colour_tcas<D: DrawTarget<Color = Rgb565>>(
    target: &mut D,
    alignment: &Alignment,
    y: i32,
) -> Result<(), D::Error> {
    let (left, width) = COLUMN;
    NAME.left(target, "TCAS", Point::new(left, y))?;
    let value = Line::number(alignment.tcas, 4);
    VALUE.right(target, value.as_str(), Point::new(left + width as i32, y))?;
    target.fill_solid(&area(left, y + 12, width, 8), PANEL)?;
    let full = scale::at(alignment.tcas, width) + 1;
    target.fill_solid(&area(left, y + 12, full, 8), Rgb565::new(10, 34, 26))?;
    if let Some(max) = alignment.max {
        let place = scale::at(max, width).clamp(0, width - 2);
        target.fill_solid(&area(left + place as i32, y + 11, 2, 10), FAINT)?;
    }
    Ok(())
}
