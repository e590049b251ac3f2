//! The demo's picture: images beside their token maps, a legend and the verdict.

use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::mono_font::MonoFont;
use embedded_graphics::mono_font::ascii::{
    FONT_4X6, FONT_6X10, FONT_8X13, FONT_8X13_BOLD, FONT_10X20,
};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::primitives::Rectangle;

use super::canvas::Canvas;
use super::colours::TokenColours;
use super::palette::{ink_on, oklch};

const PAPER: Rgb888 = Rgb888::new(250, 250, 247);
const INK: Rgb888 = Rgb888::new(28, 30, 36);
const FAINT: Rgb888 = Rgb888::new(104, 108, 118);

/// Side of an image and of its token map.
const SIDE: u32 = 192;
/// Between an image and its map.
const SEAM: u32 = 4;
/// Around everything, and between panels.
const MARGIN: u32 = 28;
/// Line of a panel's class name.
const CAPTION: u32 = 22;
/// Title and subtitle.
const HEADER: u32 = 76;
/// Panels in a row.
const COLUMNS: u32 = 3;
const PANEL: Size = Size::new(2 * SIDE + SEAM, SIDE + CAPTION);

/// What the picture shows.
#[derive(Debug)]
pub(super) struct Picture<'a> {
    pub(super) title: &'a str,
    pub(super) subtitle: &'a str,
    pub(super) passed: bool,
    pub(super) panels: Vec<Panel<'a>>,
    pub(super) classes: &'a [String],
    pub(super) colours: &'a TokenColours,
    /// Lines beside the legend: a name and a value.
    pub(super) facts: Vec<(String, String)>,
}

/// An image and its tokens.
#[derive(Debug)]
pub(super) struct Panel<'a> {
    pub(super) caption: String,
    /// u8 `[height, width, 3]`.
    pub(super) pixels: &'a [u8],
    pub(super) size: Size,
    /// `[rows, columns]`.
    pub(super) tokens: &'a [u32],
    /// Columns and rows.
    pub(super) grid: Size,
}

impl Picture<'_> {
    /// Draws everything.
    pub(super) fn draw(&self) -> Canvas {
        // The legend fills the places of two panels.
        let places = self.panels.len() as u32 + 2;
        let rows = places.div_ceil(COLUMNS);
        let size = Size::new(
            2 * MARGIN + COLUMNS * PANEL.width + (COLUMNS - 1) * MARGIN,
            HEADER + rows * (PANEL.height + MARGIN) + MARGIN / 2,
        );
        let mut canvas = Canvas::new(size, PAPER);
        self.header(&mut canvas, size.width);
        for (index, panel) in (0..).zip(&self.panels) {
            panel.draw(&mut canvas, place(index), self.colours);
        }
        // At the end of the last row, where two places are always left.
        self.legend(&mut canvas, place(rows * COLUMNS - 2));
        canvas
    }

    fn header(&self, canvas: &mut Canvas, width: u32) {
        let left = MARGIN as i32;
        canvas.text(self.title, Point::new(left, 22), &FONT_10X20, INK);
        canvas.text(self.subtitle, Point::new(left, 48), &FONT_8X13, FAINT);
        let (verdict, colour) = if self.passed {
            ("PASSED", oklch(0.55, 0.14, 0.41))
        } else {
            ("FAILED", oklch(0.55, 0.19, 0.07))
        };
        let badge = Size::new(112, 34);
        let corner = Point::new((width - MARGIN - badge.width) as i32, 24);
        let area = Rectangle::new(corner, badge);
        canvas.pill(area, colour);
        canvas.centred(verdict, area, &FONT_10X20, Rgb888::WHITE);
    }

    fn legend(&self, canvas: &mut Canvas, corner: Point) {
        let right = corner + Point::new((PANEL.width + MARGIN) as i32, 0);
        self.class_legend(canvas, corner);
        let mut at = right;
        canvas.text("What was measured", at, &FONT_8X13_BOLD, INK);
        at.y += CAPTION as i32;
        for (name, value) in &self.facts {
            canvas.text(name, at, &FONT_8X13, FAINT);
            let indent = Point::new(11 * 8, 0);
            canvas.text(value, at + indent, &FONT_8X13, INK);
            at.y += 19;
        }
    }

    /// The classes' colours in two columns, and what grey means.
    fn class_legend(&self, canvas: &mut Canvas, corner: Point) {
        canvas.text(
            "Colour: the class a token is seen in most",
            corner,
            &FONT_8X13_BOLD,
            INK,
        );
        let top = corner + Point::new(0, CAPTION as i32);
        let lines = self.classes.len().div_ceil(2).max(1);
        for (class, name) in self.classes.iter().enumerate() {
            let (column, line) = ((class / lines) as i32, (class % lines) as i32);
            let at = top + Point::new(column * 190, line * 20);
            let swatch = Rectangle::new(at, Size::new_equal(14));
            canvas.fill(swatch, self.colours.class(class));
            canvas.text(name, at + Point::new(22, 1), &FONT_8X13, INK);
        }
        let mut at = top + Point::new(0, lines as i32 * 20 + 10);
        for step in 0..48 {
            let area = Rectangle::new(at + Point::new(step * 4, 0), Size::new(4, 14));
            canvas.fill(area, self.colours.shared(1.0 - f64::from(step) / 47.0));
        }
        at.y += 20;
        for line in [
            "from one class only to shared by all;",
            "the number is the token",
        ] {
            canvas.text(line, at, &FONT_8X13, FAINT);
            at.y += 17;
        }
    }
}

/// The corner of a place in the grid of panels.
fn place(index: u32) -> Point {
    let (column, row) = (index % COLUMNS, index / COLUMNS);
    let x = MARGIN + column * (PANEL.width + MARGIN);
    let y = HEADER + row * (PANEL.height + MARGIN) + 8;
    Point::new(x as i32, y as i32)
}

impl Panel<'_> {
    fn draw(&self, canvas: &mut Canvas, corner: Point, colours: &TokenColours) {
        canvas.text(&self.caption, corner, &FONT_8X13_BOLD, INK);
        let top = corner + Point::new(0, CAPTION as i32);
        let square = Size::new_equal(SIDE);
        canvas.image(self.pixels, self.size, Rectangle::new(top, square));
        let left = top + Point::new((SIDE + SEAM) as i32, 0);
        let cells =
            (0..self.grid.height).flat_map(|row| (0..self.grid.width).map(move |c| (c, row)));
        for ((column, row), &token) in cells.zip(self.tokens) {
            // Shared edges: cells fill the square whatever the grid.
            let start = Point::new(
                (column * SIDE / self.grid.width) as i32,
                (row * SIDE / self.grid.height) as i32,
            );
            let end = Point::new(
                ((column + 1) * SIDE / self.grid.width) as i32 - 1,
                ((row + 1) * SIDE / self.grid.height) as i32 - 1,
            );
            let cell = Rectangle::with_corners(left + start, left + end);
            let colour = colours.token(token);
            canvas.fill(cell, colour);
            let text = token.to_string();
            if let Some(font) = font_for(&text, cell.size) {
                canvas.centred(&text, cell, font, ink_on(colour));
            }
        }
    }
}

/// The largest font in which a number fits a cell.
fn font_for(text: &str, cell: Size) -> Option<&'static MonoFont<'static>> {
    [&FONT_6X10, &FONT_4X6].into_iter().find(|font| {
        let width = font.character_size.width * text.len() as u32;
        width + 2 <= cell.width && font.character_size.height + 2 <= cell.height
    })
}
