//! Pictures as PNG files.

use std::io::Cursor;

use image::{ExtendedColorType, ImageFormat};

use crate::error::Error;

/// The file of u8 `[height, width, 3]`; `size` is width and height.
///
/// # Errors
/// What the encoder says; nothing for a picture that is not empty.
pub(crate) fn encode(pixels: &[u8], [width, height]: [u32; 2]) -> Result<Vec<u8>, Error> {
    let mut png = Cursor::new(Vec::new());
    let format = (ExtendedColorType::Rgb8, ImageFormat::Png);
    image::write_buffer_with_format(&mut png, pixels, width, height, format.0, format.1)?;
    Ok(png.into_inner())
}
