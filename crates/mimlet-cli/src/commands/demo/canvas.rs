//! An RGB picture that embedded-graphics draws into.

use std::convert::Infallible;

use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::prelude::Drawable;
use embedded_graphics::primitives::{Primitive, PrimitiveStyle, Rectangle, RoundedRectangle};
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};

use crate::error::Error;
use crate::png;

/// Pixels in rows from the top.
#[derive(Debug, Clone)]
pub(super) struct Canvas {
    size: Size,
    pixels: Vec<Rgb888>,
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<Rgb888>>,
    {
        for Pixel(point, colour) in pixels {
            if let Some(index) = self.index(point) {
                self.pixels[index] = colour;
            }
        }
        Ok(())
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        self.size
    }
}

impl Canvas {
    /// A canvas of one colour.
    pub(super) fn new(size: Size, colour: Rgb888) -> Self {
        let pixels = vec![colour; size.width as usize * size.height as usize];
        Self { size, pixels }
    }

    /// Fills a rectangle.
    pub(super) fn fill(&mut self, area: Rectangle, colour: Rgb888) {
        let Ok(()) = area
            .into_styled(PrimitiveStyle::with_fill(colour))
            .draw(self);
    }

    /// Fills a rectangle with round corners.
    pub(super) fn pill(&mut self, area: Rectangle, colour: Rgb888) {
        let corner = Size::new_equal(area.size.height.min(area.size.width) / 4);
        let Ok(()) = RoundedRectangle::with_equal_corners(area, corner)
            .into_styled(PrimitiveStyle::with_fill(colour))
            .draw(self);
    }

    /// Writes a line with its top left corner at `at`.
    pub(super) fn text(&mut self, text: &str, at: Point, font: &MonoFont<'_>, colour: Rgb888) {
        let style = TextStyleBuilder::new().baseline(Baseline::Top).build();
        self.styled_text(text, at, font, colour, style);
    }

    /// Writes a line in the middle of an area.
    pub(super) fn centred(
        &mut self,
        text: &str,
        area: Rectangle,
        font: &MonoFont<'_>,
        colour: Rgb888,
    ) {
        let style = TextStyleBuilder::new()
            .alignment(Alignment::Center)
            .baseline(Baseline::Middle)
            .build();
        self.styled_text(text, area.center(), font, colour, style);
    }

    fn styled_text(
        &mut self,
        text: &str,
        at: Point,
        font: &MonoFont<'_>,
        colour: Rgb888,
        style: embedded_graphics::text::TextStyle,
    ) {
        let character = MonoTextStyle::new(font, colour);
        let Ok(_) = Text::with_text_style(text, at, character, style).draw(self);
    }

    /// Draws u8 `[height, width, 3]` pixels enlarged to fill an area, nearest neighbour.
    pub(super) fn image(&mut self, pixels: &[u8], size: Size, area: Rectangle) {
        for y in 0..area.size.height {
            for x in 0..area.size.width {
                let column = (x * size.width / area.size.width) as usize;
                let row = (y * size.height / area.size.height) as usize;
                let start = (row * size.width as usize + column) * 3;
                let point = area.top_left + Point::new(x as i32, y as i32);
                if let (Some(index), Some(&[r, g, b])) =
                    (self.index(point), pixels[start..].first_chunk())
                {
                    self.pixels[index] = Rgb888::new(r, g, b);
                }
            }
        }
    }

    /// The picture as a PNG file's bytes.
    ///
    /// # Errors
    /// What the encoder says; nothing for a picture that is not empty.
    pub(super) fn to_png(&self) -> Result<Vec<u8>, Error> {
        let bytes: Vec<u8> = self
            .pixels
            .iter()
            .flat_map(|colour| [colour.r(), colour.g(), colour.b()])
            .collect();
        png::encode(&bytes, [self.size.width, self.size.height])
    }

    /// Where a point lies in `pixels`, unless it is outside.
    fn index(&self, point: Point) -> Option<usize> {
        let (x, y) = (u32::try_from(point.x).ok()?, u32::try_from(point.y).ok()?);
        let inside = x < self.size.width && y < self.size.height;
        inside.then_some(y as usize * self.size.width as usize + x as usize)
    }
}
