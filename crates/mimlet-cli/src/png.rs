//! Pictures as PNG files.

use std::io::Cursor;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

use crate::error::Error;

/// The file of u8 `[height, width, 3]`; `size` is width and height.
///
/// # Errors
/// What the encoder says; nothing for a picture that is not empty.
pub(crate) fn encode(pixels: &[u8], [width, height]: [u32; 2]) -> Result<Vec<u8>, Error> {
    let mut png = Cursor::new(Vec::new());
    // Trying every filter on every row would take most of the time of a watch's picture.
    let encoder = PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Up);
    encoder.write_image(pixels, width, height, ExtendedColorType::Rgb8)?;
    Ok(png.into_inner())
}
