//! The resizes of torchvision over Pillow: to a centre crop, and of a box.

use std::ops::Range;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeError, ResizeOptions, Resizer};

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
/// (a = -0.5), as torchvision's `resized_crop` over Pillow does to within one level: pixels outside
/// the box have no say. Columns first, as in `resize_and_crop`.
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
    let whole = |width: u32, height: u32| [0.0, 0.0, f64::from(width), f64::from(height)];
    let scaled = resize(
        (part.width, part.height, &pixels),
        (width, part.height),
        whole(part.width, part.height),
    )
    .and_then(|narrow| {
        resize(
            (width, part.height, &narrow),
            (width, height),
            whole(width, part.height),
        )
    })
    .map_err(|error| refuse(format!("cannot be scaled to {width} x {height}: {error}")))?;
    Ok(RgbImage::new(width, height, scaled).expect("the buffer was made for this size"))
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
/// costs no more than a square one. The axes are resized one after the other, columns first as in
/// Pillow: left to itself the resizer takes the rows first, which rounds one pixel value in seven
/// the other way.
pub(crate) fn resize_and_crop(
    image: &RgbImage,
    short_side: u32,
    [height, width]: [u32; 2],
) -> Result<RgbImage, ResizeError> {
    let short = image.width().min(image.height());
    let columns = Axis::new(image.width(), short, short_side, width);
    let rows = Axis::new(image.height(), short, short_side, height);
    let touched = rows.touched(image.height());
    let row_bytes = image.width() as usize * 3;
    let pixels =
        &image.pixels()[touched.start as usize * row_bytes..touched.end as usize * row_bytes];
    let touched_height = touched.end - touched.start;

    let narrow = resize(
        (image.width(), touched_height, pixels),
        (width, touched_height),
        [
            columns.start,
            0.0,
            columns.length,
            f64::from(touched_height),
        ],
    )?;
    let crop = resize(
        (width, touched_height, &narrow),
        (width, height),
        [
            0.0,
            rows.start - f64::from(touched.start),
            f64::from(width),
            rows.length,
        ],
    )?;
    Ok(RgbImage::new(width, height, crop).expect("the buffer was made for this size"))
}

/// Resamples the box `[left, top, width, height]` of a source of width, height and pixels.
fn resize(
    (width, height, pixels): (u32, u32, &[u8]),
    (target_width, target_height): (u32, u32),
    [left, top, box_width, box_height]: [f64; 4],
) -> Result<Vec<u8>, ResizeError> {
    // Of one pixel type alone: the resizer's choice at run time compiles all of its fourteen.
    let source = TypedImageRef::<U8x3>::from_buffer(width, height, pixels)
        .expect("the pixels are whole rows of this width");
    let mut bytes = vec![0; target_width as usize * target_height as usize * 3];
    let mut target = TypedImage::<U8x3>::from_buffer(target_width, target_height, &mut bytes)
        .expect("the buffer was made for this size");
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom))
        .crop(
            left,
            top,
            // Rounding may carry the box past the border by the last bit.
            box_width.min(f64::from(width) - left),
            box_height.min(f64::from(height) - top),
        );
    Resizer::new().resize_typed(&source, &mut target, &options)?;
    Ok(bytes)
}

/// The stretch of a source axis that the crop covers, in source pixels.
#[derive(Debug, Clone, Copy)]
struct Axis {
    start: f64,
    length: f64,
    /// Source pixels per pixel of the result.
    scale: f64,
}

impl Axis {
    /// For an axis of `side` pixels in an image whose short side goes from `short` to `short_side`.
    fn new(side: u32, short: u32, short_side: u32, crop: u32) -> Self {
        let resized = resized_side(side, short, short_side);
        let offset = crop_offset(resized, u64::from(crop));
        // Multiplied before divided: exact when the crop is the whole axis or the scale is 1.
        let to_source = |position: u64| (position as f64 * f64::from(side)) / resized as f64;
        let start = to_source(offset);
        let length = to_source(u64::from(crop));
        Self {
            start,
            length,
            scale: f64::from(side) / resized as f64,
        }
    }

    /// The source pixels that the crop's windows can reach, of `side` pixels.
    fn touched(&self, side: u32) -> Range<u32> {
        // The bicubic kernel reaches two pixels to each side, wider when it has to antialias.
        let reach = 2.0 * self.scale.max(1.0) + 1.0;
        let start = (self.start - reach).floor().max(0.0) as u32;
        let end = (self.start + self.length + reach).ceil() as u32;
        start..end.min(side)
    }
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
