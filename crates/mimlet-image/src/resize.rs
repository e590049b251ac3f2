//! The resizes of torchvision over Pillow: to a centre crop, and of a box.

use std::ops::Range;

use mimlet_kernels::Level;
use mimlet_kernels::resample::{Windows, along_columns, along_rows};

use crate::RgbImage;
use crate::error::ImageError;

/// A part of an image, pixels from its top left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CropBox {
    /// First column.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// Columns, at least 1.
    pub width: u32,
    /// Rows, at least 1.
    pub height: u32,
}

/// Cuts `part` out of `image` and scales it to `[height, width]` by Pillow's antialiased bicubic
/// (a = -0.5), as torchvision's `resized_crop` over Pillow does, bit for bit: pixels outside the box
/// have no say.
///
/// ```
/// use mimlet_image::{CropBox, RgbImage, crop_and_resize};
///
/// let image = RgbImage::new(3, 1, vec![9, 9, 9, 200, 100, 50, 9, 9, 9]).unwrap();
/// let middle = CropBox { left: 1, top: 0, width: 1, height: 1 };
/// let large = crop_and_resize(&image, middle, [2, 2])?;
/// assert_eq!(large.pixels(), [200, 100, 50].repeat(4));
/// # Ok::<(), mimlet_image::ImageError>(())
/// ```
///
/// # Errors
/// [`ImageError::Preprocess`] naming `crop` when the box is empty or reaches past the image, or a
/// side of the result is 0.
pub fn crop_and_resize(
    image: &RgbImage,
    part: CropBox,
    [height, width]: [u32; 2],
) -> Result<RgbImage, ImageError> {
    let refuse = |reason: String| ImageError::Preprocess {
        field: "crop",
        reason,
    };
    let ends = [(part.left, part.width), (part.top, part.height)]
        .map(|(start, length)| start.checked_add(length).filter(|_| length > 0));
    let inside = |end: Option<u32>, side: u32| end.is_some_and(|end| end <= side);
    if !inside(ends[0], image.width()) || !inside(ends[1], image.height()) {
        let size = (image.width(), image.height());
        return Err(refuse(format!(
            "is {part:?} of an image of {size:?} pixels"
        )));
    }
    if width == 0 || height == 0 {
        return Err(refuse(format!("cannot be scaled to {width} x {height}")));
    }
    let pixels = cut(image, part);
    let windows = |source: u32, target: u32| bicubic(source, target.into(), 0..target.into());
    let scaled = resample(
        &pixels,
        part.width,
        [windows(part.height, height), windows(part.width, width)],
    );
    Ok(RgbImage::new(width, height, scaled).expect("as many pixels as windows"))
}

/// The pixels of a box that lies inside the image.
fn cut(image: &RgbImage, part: CropBox) -> Vec<u8> {
    let row_bytes = image.width() as usize * 3;
    let columns = part.left as usize * 3..(part.left + part.width) as usize * 3;
    let rows = image.pixels().chunks_exact(row_bytes);
    let rows = rows.skip(part.top as usize).take(part.height as usize);
    rows.flat_map(|row| &row[columns.clone()])
        .copied()
        .collect()
}

/// Scales the short side to `short_side` by Pillow's antialiased bicubic (a = -0.5), the long side
/// in proportion and truncated, and takes the `[height, width]` centre of the result. Neither may
/// exceed `short_side`.
///
/// Only the pixels of the crop are computed, from the rows its windows touch, so a long thin image
/// costs no more than a square one.
pub(crate) fn resize_and_crop(
    image: &RgbImage,
    short_side: u32,
    [height, width]: [u32; 2],
) -> RgbImage {
    let short = image.width().min(image.height());
    let windows = |side: u32, crop: u32| {
        let resized = resized_side(side, short, short_side);
        let offset = crop_offset(resized, u64::from(crop));
        bicubic(side, resized, offset..offset + u64::from(crop))
    };
    let axes = [
        windows(image.height(), height),
        windows(image.width(), width),
    ];
    let crop = resample(image.pixels(), image.width(), axes);
    RgbImage::new(width, height, crop).expect("as many pixels as windows")
}

/// The windows of an axis; sizes are bounded far below a pointer's width.
fn bicubic(source: u32, target: u64, wanted: Range<u64>) -> Windows {
    let wanted = wanted.start as usize..wanted.end as usize;
    Windows::bicubic(source as usize, target as usize, wanted)
}

/// Resamples an image of this width, rows first as Pillow does: only those that the windows of the
/// columns touch.
fn resample(pixels: &[u8], width: u32, [rows, columns]: [Windows; 2]) -> Vec<u8> {
    let level = Level::detect();
    let row_bytes = width as usize * 3;
    let touched = rows.touched();
    let pixels = &pixels[touched.start * row_bytes..touched.end * row_bytes];
    let narrow = along_rows(level, pixels, [width as usize, 3], &columns);
    let narrow_bytes = narrow.len() / touched.len().max(1);
    along_columns(level, &narrow, narrow_bytes, &rows.without(touched.start))
}

/// `int(short_side * side / short)`, as torchvision's `resize`.
fn resized_side(side: u32, short: u32, short_side: u32) -> u64 {
    u64::from(short_side) * u64::from(side) / u64::from(short)
}

/// `int(round((resized - crop) / 2.0))` with Python's rounding of halves to even, as torchvision's
/// `center_crop`.
fn crop_offset(resized: u64, crop: u64) -> u64 {
    let margin = resized - crop;
    let half = margin / 2;
    half + margin % 2 * (half % 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_round_to_even() {
        // Python: [int(round(m / 2.0)) for m in range(8)] == [0, 0, 1, 2, 2, 2, 3, 4]
        let offsets: Vec<u64> = (0..8)
            .map(|margin| crop_offset(100 + margin, 100))
            .collect();
        assert_eq!(offsets, [0, 0, 1, 2, 2, 2, 3, 4]);
    }

    #[test]
    fn long_side_is_truncated() {
        assert_eq!(resized_side(300, 300, 72), 72);
        assert_eq!(resized_side(451, 300, 72), 108); // 108.24
        assert_eq!(resized_side(599, 400, 256), 383); // 383.36
        assert_eq!(resized_side(1000, 1, 72), 72_000);
    }
}
