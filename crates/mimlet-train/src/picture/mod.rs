//! Pictures as PNG files.

pub(crate) mod chart;

use std::path::Path;

use image::{ImageFormat, RgbImage};

use crate::atomic;
use crate::error::TrainError;

/// Writes u8 RGB rows as a PNG.
pub(crate) fn write_png(path: &Path, image: &RgbImage) -> Result<(), TrainError> {
    atomic::write(path, &png(path, image)?)
}

/// The bytes of a PNG; `path` is for the error.
pub(crate) fn png(path: &Path, image: &RgbImage) -> Result<Vec<u8>, TrainError> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(TrainError::content(path, "cannot encode"))?;
    Ok(bytes.into_inner())
}
