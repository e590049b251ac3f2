//! The token of each patch where the patch lies.

use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::pixelcolor::{BinaryColor, Rgb565, RgbColor};
use embedded_graphics::prelude::PixelColor;
use embedded_graphics::primitives::Rectangle;

use crate::Dashboard;

/// Draws the map in the middle of an area, each patch a square of whole pixels where there is room;
/// `colour` gives a token's at a pixel.
pub(crate) fn draw<C: PixelColor, D: DrawTarget<Color = C>>(
    dashboard: &Dashboard<'_>,
    target: &mut D,
    area: Rectangle,
    colour: impl Fn(u32, [u32; 2]) -> C,
) -> Result<(), D::Error> {
    let [rows, columns] = dashboard.grid;
    let patches = u64::from(rows) * u64::from(columns);
    if patches == 0 || patches != dashboard.tokens.len() as u64 {
        return Ok(());
    }
    let size = size(dashboard.grid, area.size);
    let room = area.size - size;
    let corner = area.top_left + Point::new(room.width as i32 / 2, room.height as i32 / 2);
    let pixels = (0..size.height).flat_map(|y| (0..size.width).map(move |x| [x, y]));
    let colours = pixels.map(|[x, y]| {
        let (row, column) = (y * rows / size.height, x * columns / size.width);
        colour(dashboard.tokens[(row * columns + column) as usize], [x, y])
    });
    target.fill_contiguous(&Rectangle::new(corner, size), colours)
}

/// Pixels of a map: as many whole ones for each patch as fit, or all there are for more patches.
fn size([rows, columns]: [u32; 2], area: Size) -> Size {
    let side = (area.width / columns).min(area.height / rows);
    if side == 0 {
        return Size::new(area.width.min(columns), area.height.min(rows));
    }
    Size::new(side * columns, side * rows)
}

/// A token's colour: neighbours in the codebook are far apart on the circle of hues, and three
/// brightnesses take turns.
pub(crate) fn rgb(token: u32) -> Rgb565 {
    // The golden section of a circle of 1536 hues.
    let hue = (u64::from(token) * 949 + 120) % 1536;
    let (sector, rise) = (hue / 256, (hue % 256) as u32);
    let (low, high) = [(50, 235), (100, 255), (25, 165)][(token % 3) as usize];
    let (up, down) = (rise, 255 - rise);
    let [r, g, b] = match sector {
        0 => [255, up, 0],
        1 => [down, 255, 0],
        2 => [0, 255, up],
        3 => [0, down, 255],
        4 => [up, 0, 255],
        _ => [255, 0, down],
    }
    .map(|share| low + share * (high - low) / 255);
    let level = |value: u32, max: u8| (value * u32::from(max) / 255) as u8;
    Rgb565::new(
        level(r, Rgb565::MAX_R),
        level(g, Rgb565::MAX_G),
        level(b, Rgb565::MAX_B),
    )
}

/// A token's pattern: of sixteen that differ in brightness or direction.
pub(crate) fn pattern(token: u32, [x, y]: [u32; 2]) -> BinaryColor {
    /// Four rows of four pixels each.
    const PATTERNS: [u16; 16] = [
        0x0000, 0xffff, 0xa5a5, 0xf0f0, 0xaaaa, 0x8421, 0x1248, 0x8020, 0x7fdf, 0x0ff0, 0x6699,
        0xf888, 0x0660, 0xeb7d, 0xcc33, 0x5a0f,
    ];
    let rows = PATTERNS[(token % 16) as usize];
    BinaryColor::from(rows >> ((y % 4) * 4 + x % 4) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::{pattern, rgb, size};
    use embedded_graphics::geometry::Size;

    #[test]
    fn tokens_of_a_small_codebook_differ() {
        for a in 0..64 {
            for b in 0..a {
                assert_ne!(rgb(a), rgb(b), "{a} {b}");
            }
        }
        let bits = |token| {
            let at = |i: u32| [i % 4, i / 4];
            (0..16).map(move |i| pattern(token, at(i)).is_on())
        };
        for a in 0..16 {
            for b in 0..a {
                assert!(!bits(a).eq(bits(b)), "{a} {b}");
            }
        }
    }

    #[test]
    fn maps_fit_their_area() {
        assert_eq!(size([8, 8], Size::new(44, 44)), Size::new(40, 40));
        assert_eq!(size([2, 4], Size::new(44, 44)), Size::new(44, 22));
        assert_eq!(size([64, 64], Size::new(44, 44)), Size::new(44, 44));
        assert_eq!(size([1, 64], Size::new(44, 44)), Size::new(44, 1));
    }
}
