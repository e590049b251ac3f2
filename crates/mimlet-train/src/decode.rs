//! Image files to and from pixels.

use std::path::Path;

use image::imageops::{self, FilterType};
use image::{ImageFormat, RgbImage};

use crate::atomic;
use crate::error::TrainError;

/// Whether the file's extension is one of ours.
pub(crate) fn is_image(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["png", "jpg", "jpeg", "webp"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}

/// u8 `[size, size, 3]` of the file: short side to `resize`, then the centre crop.
pub(crate) fn read_image(path: &Path, size: usize, resize: usize) -> Result<Vec<u8>, TrainError> {
    let image = image::open(path).map_err(TrainError::content(path, "not a readable image"))?;
    let image = image.to_rgb8();
    if image.width() as usize == size && image.height() as usize == size && resize == size {
        return Ok(image.into_raw());
    }
    let short = image.width().min(image.height()).max(1);
    let scaled = |side: u32| (u64::from(side) * resize as u64 / u64::from(short)) as u32;
    let (width, height) = (scaled(image.width()), scaled(image.height()));
    let image = imageops::resize(&image, width, height, FilterType::CatmullRom);
    let size = size as u32;
    let (left, top) = (
        width.saturating_sub(size) / 2,
        height.saturating_sub(size) / 2,
    );
    let crop = imageops::crop_imm(&image, left, top, size, size).to_image();
    Ok(crop.into_raw())
}

/// Writes u8 RGB rows as a PNG.
pub(crate) fn write_png(path: &Path, image: &RgbImage) -> Result<(), TrainError> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(TrainError::content(path, "cannot encode"))?;
    atomic::write(path, bytes.get_ref())
}
