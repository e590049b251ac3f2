//! Rectangles and lines of text.

use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::prelude::{Drawable, PixelColor};
use embedded_graphics::primitives::Rectangle;
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};

/// A rectangle by its corner and size.
pub(crate) fn area(x: i32, y: i32, width: u32, height: u32) -> Rectangle {
    Rectangle::new(Point::new(x, y), Size::new(width, height))
}

/// A line of text with a font and a colour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ink<'f, C> {
    pub(crate) font: &'f MonoFont<'f>,
    pub(crate) colour: C,
}

impl<C: PixelColor> Ink<'_, C> {
    /// Writes with the top left corner at `at`.
    pub(crate) fn left<D: DrawTarget<Color = C>>(
        self,
        target: &mut D,
        text: &str,
        at: Point,
    ) -> Result<(), D::Error> {
        self.write(target, text, at, Alignment::Left)
    }

    /// Writes with the last pixel left of `at`.
    pub(crate) fn right<D: DrawTarget<Color = C>>(
        self,
        target: &mut D,
        text: &str,
        at: Point,
    ) -> Result<(), D::Error> {
        self.write(target, text, at - Point::new(1, 0), Alignment::Right)
    }

    /// Writes about the middle of a row from `at`.
    pub(crate) fn centred<D: DrawTarget<Color = C>>(
        self,
        target: &mut D,
        text: &str,
        at: Point,
    ) -> Result<(), D::Error> {
        self.write(target, text, at, Alignment::Center)
    }

    fn write<D: DrawTarget<Color = C>>(
        self,
        target: &mut D,
        text: &str,
        at: Point,
        alignment: Alignment,
    ) -> Result<(), D::Error> {
        let style = TextStyleBuilder::new()
            .baseline(Baseline::Top)
            .alignment(alignment)
            .build();
        let characters = MonoTextStyle::new(self.font, self.colour);
        Text::with_text_style(text, at, characters, style).draw(target)?;
        Ok(())
    }
}
