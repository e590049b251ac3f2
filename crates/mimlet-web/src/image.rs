//! What a page calls an image, to pixels of the model's size.

use crate::trial::milliseconds;
use mimlet_image::{Limits, Preprocessor, RgbImage, decode};
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;
use web_time::Instant;

/// An image of the model's size, u8 `[height, width, 3]`.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Prepared {
    pub(crate) pixels: Vec<u8>,
    /// How long it took to become one.
    pub(crate) milliseconds: f64,
}

/// From RGBA bytes in rows, as `ImageData` has them; alpha is dropped, as it is of files.
pub(crate) fn from_rgba(
    preprocessor: &Preprocessor,
    rgba: &[u8],
    width: u32,
    height: u32,
) -> Result<Prepared, JsError> {
    let start = Instant::now();
    let limits = Limits::default();
    if !limits.allow(width, height) {
        return Err(JsError::new(&format!(
            "the image is {width} x {height} pixels, more than are taken: scale it down first"
        )));
    }
    let (pixels, rest) = rgba.as_chunks::<4>();
    let rgb: Vec<u8> = pixels
        .iter()
        .flat_map(|[r, g, b, _]| [*r, *g, *b])
        .collect();
    let image = RgbImage::new(width, height, rgb).filter(|_| rest.is_empty());
    let image = image.ok_or_else(|| {
        JsError::new(&format!(
            "image.data has {} bytes, {width} x {height} pixels of RGBA need {}: pass ImageData",
            rgba.len(),
            u64::from(width) * u64::from(height) * 4
        ))
    })?;
    Ok(fit(preprocessor, &image, start))
}

/// From the bytes of a PNG, JPEG or WebP file, decoded and turned upright here, so that tokens are
/// those of any other machine.
pub(crate) fn from_file(
    preprocessor: &Preprocessor,
    bytes: &[u8],
    name: &str,
) -> Result<Prepared, JsError> {
    let start = Instant::now();
    let image = decode(bytes, name, &Limits::default())?;
    Ok(fit(preprocessor, &image, start))
}

fn fit(preprocessor: &Preprocessor, image: &RgbImage, start: Instant) -> Prepared {
    Prepared {
        pixels: preprocessor.resize_and_crop(image).into_pixels(),
        milliseconds: milliseconds(start),
    }
}
