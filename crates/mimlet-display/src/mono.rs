//! 128 x 64 pixels of one bit.

use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::Point;
use embedded_graphics::mono_font::MonoFont;
use embedded_graphics::mono_font::ascii::{FONT_4X6, FONT_5X8};
use embedded_graphics::pixelcolor::BinaryColor;

use crate::dashboard::Status;
use crate::line::Line;
use crate::paint::{Ink, area};
use crate::{Dashboard, Figure, scale, token_map};

/// The bars of figures: their left edge and width.
const BAR: (i32, u32) = (61, 45);

fn on(font: &'static MonoFont<'static>) -> Ink<'static, BinaryColor> {
    Ink {
        font,
        colour: BinaryColor::On,
    }
}

impl Dashboard<'_> {
    /// Draws every pixel of the 128 x 64 at the top left of a one-bit display.
    ///
    /// # Errors
    /// What the display says.
    pub fn draw_mono<D: DrawTarget<Color = BinaryColor>>(
        &self,
        target: &mut D,
    ) -> Result<(), D::Error> {
        target.fill_solid(&area(0, 0, 128, 64), BinaryColor::Off)?;
        self.mono_header(target)?;
        self.mono_map(target)?;
        self.mono_figures(target)?;
        self.mono_status(target)
    }

    fn mono_header<D: DrawTarget<Color = BinaryColor>>(
        &self,
        target: &mut D,
    ) -> Result<(), D::Error> {
        let frames = Line::of(format_args!("{}", self.frames));
        let taken = frames.as_str().len() + 1;
        let title = Line::fitted(self.title, (128 / 5usize).saturating_sub(taken));
        on(&FONT_5X8).left(target, title.as_str(), Point::zero())?;
        on(&FONT_5X8).right(target, frames.as_str(), Point::new(128, 0))?;
        target.fill_solid(&area(0, 9, 128, 1), BinaryColor::On)
    }

    fn mono_map<D: DrawTarget<Color = BinaryColor>>(&self, target: &mut D) -> Result<(), D::Error> {
        if self.tokens.is_empty() {
            on(&FONT_5X8).centred(target, "no", Point::new(21, 23))?;
            return on(&FONT_5X8).centred(target, "tokens", Point::new(21, 32));
        }
        token_map::draw(self, target, area(0, 12, 42, 40), token_map::pattern)
    }

    fn mono_figures<D: DrawTarget<Color = BinaryColor>>(
        &self,
        target: &mut D,
    ) -> Result<(), D::Error> {
        let latency = Line::number(self.latency_ms, 3);
        let latency = Line::of(format_args!("{}ms", latency.as_str()));
        on(&FONT_5X8).left(target, latency.as_str(), Point::new(46, 11))?;
        if let Some(alignment) = self.tcas {
            let value = Line::number(alignment.tcas, 3);
            let tcas = Line::of(format_args!("TCAS {}", value.as_str()));
            on(&FONT_4X6).right(target, tcas.as_str(), Point::new(128, 13))?;
        }
        let figures = self.drift.figures();
        for (index, figure) in figures.iter().enumerate() {
            mono_figure(target, figure, 21 + 8 * index as i32)?;
        }
        if figures.is_empty() && self.drift.filled().is_none() {
            on(&FONT_5X8).left(target, "no reference", Point::new(46, 27))?;
            on(&FONT_5X8).left(target, "for drift", Point::new(46, 36))?;
        } else if figures.is_empty() {
            on(&FONT_5X8).left(target, "first window", Point::new(46, 32))?;
        }
        Ok(())
    }

    /// Light on dark while all is well, dark on light in an alarm.
    fn mono_status<D: DrawTarget<Color = BinaryColor>>(
        &self,
        target: &mut D,
    ) -> Result<(), D::Error> {
        let status = self.drift.status();
        let text = match status {
            Status::NotMeasured => Line::of(format_args!("drift not measured")),
            Status::Collecting(_) => Line::of(format_args!("filling")),
            Status::Calm => Line::of(format_args!("calm")),
            Status::Alarm(first, 0) => Line::of(format_args!("DRIFT {}", first.name)),
            Status::Alarm(first, more) => Line::of(format_args!("DRIFT {} +{more}", first.name)),
        };
        let ink = on(&FONT_5X8);
        if matches!(status, Status::Alarm(..)) {
            target.fill_solid(&area(0, 54, 128, 10), BinaryColor::On)?;
            let colour = BinaryColor::Off;
            // The longest alarm takes the whole line.
            return Ink { colour, ..ink }.left(target, text.as_str(), Point::new(2, 56));
        }
        target.fill_solid(&area(0, 54, 128, 1), BinaryColor::On)?;
        ink.left(target, text.as_str(), Point::new(2, 56))?;
        if let Some([done, of]) = self.drift.filled() {
            let filled = Line::of(format_args!("{done}/{of}"));
            ink.right(target, filled.as_str(), Point::new(127, 56))?;
        }
        Ok(())
    }
}

/// A figure's short name, a bar with ticks at its bounds, and its value.
fn mono_figure<D: DrawTarget<Color = BinaryColor>>(
    target: &mut D,
    figure: &Figure<'_>,
    y: i32,
) -> Result<(), D::Error> {
    let (left, width) = BAR;
    on(&FONT_4X6).left(target, figure.short, Point::new(46, y))?;
    on(&FONT_4X6).right(
        target,
        Line::number(figure.value, 3).as_str(),
        Point::new(128, y),
    )?;
    let [low, high] = scale::bounds(width).map(|pixel| left + pixel as i32);
    for x in (left..left + width as i32).step_by(2) {
        target.fill_solid(&area(x, y + 3, 1, 1), BinaryColor::On)?;
    }
    target.fill_solid(&area(low, y + 3, (high - low) as u32, 1), BinaryColor::On)?;
    for tick in [low, high] {
        target.fill_solid(&area(tick, y + 1, 1, 5), BinaryColor::On)?;
    }
    let place = scale::position(figure, width).clamp(1, width - 2) as i32;
    target.fill_solid(&area(left + place - 1, y + 1, 3, 5), BinaryColor::On)
}
