//! Image files to 8-bit RGB.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use crate::complete;
use crate::error::{FileProblem, ImageError};
use crate::{Limits, RgbImage};

/// Reads a PNG, JPEG or WebP file as 8-bit RGB, upright.
///
/// The content decides the format, not the file's extension. Of an animation the first frame is
/// taken.
///
/// ```no_run
/// use mimlet_image::{Limits, read};
///
/// let image = read("photo.jpg", &Limits::default())?;
/// println!("{} x {}", image.width(), image.height());
/// # Ok::<(), mimlet_image::ImageError>(())
/// ```
///
/// # Errors
/// [`ImageError::File`] with the [`FileProblem`] that applies.
pub fn read(path: impl AsRef<Path>, limits: &Limits) -> Result<RgbImage, ImageError> {
    let path = path.as_ref();
    decode(&read_bytes(path, limits)?, path, limits)
}

/// As [`read`], from bytes in memory; `name` is for the errors.
///
/// # Errors
/// As [`read`].
pub fn decode(
    bytes: &[u8],
    name: impl AsRef<Path>,
    limits: &Limits,
) -> Result<RgbImage, ImageError> {
    decode_bytes(bytes, limits).map_err(|problem| ImageError::file(name.as_ref(), problem))
}

/// The whole file, when it is one, has content, and is not longer than the limit.
pub(crate) fn read_bytes(path: &Path, limits: &Limits) -> Result<Vec<u8>, ImageError> {
    read_bounded(path, limits.max_file_bytes).map_err(|problem| ImageError::file(path, problem))
}

fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, FileProblem> {
    let file = File::open(path).map_err(cannot_read)?;
    let metadata = file.metadata().map_err(cannot_read)?;
    if metadata.is_dir() {
        return Err(FileProblem::IsFolder);
    }
    if metadata.len() > limit {
        return Err(FileProblem::TooLong { limit });
    }
    let mut bytes = Vec::new();
    // A pipe or a file that grows has no length to trust.
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(cannot_read)?;
    if bytes.len() as u64 > limit {
        return Err(FileProblem::TooLong { limit });
    }
    if bytes.is_empty() {
        return Err(FileProblem::Empty);
    }
    Ok(bytes)
}

pub(crate) fn cannot_read(error: io::Error) -> FileProblem {
    match error.kind() {
        io::ErrorKind::NotFound => FileProblem::Missing,
        io::ErrorKind::IsADirectory => FileProblem::IsFolder,
        _ => FileProblem::Unreadable(error),
    }
}

fn decode_bytes(bytes: &[u8], limits: &Limits) -> Result<RgbImage, FileProblem> {
    let (format, name) = known_format(bytes)?;
    if complete::ends_early(format, bytes) {
        return Err(FileProblem::CutShort(name));
    }
    let damaged = |error: image::ImageError| FileProblem::Damaged {
        format: name,
        reason: error.to_string().replace('\n', " "),
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut decoder_limits = image::Limits::no_limits();
    // What a decoder may hold besides: metadata, which is no longer than the file.
    decoder_limits.max_alloc =
        Some((limits.max_pixels.saturating_mul(8)).saturating_add(limits.max_file_bytes));
    reader.limits(decoder_limits);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if !limits.allow(width, height) {
        return Err(FileProblem::TooLarge {
            width,
            height,
            max_side: limits.max_side,
            max_pixels: limits.max_pixels,
        });
    }
    let orientation = decoder.orientation().map_err(damaged)?;
    let color = decoder.color_type();
    // Fits: at most eight bytes for each allowed pixel were just granted.
    let mut samples = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut samples).map_err(damaged)?;
    let upright = to_rgb8(samples, color)
        .and_then(|pixels| image::RgbImage::from_raw(width, height, pixels))
        .map(|image| {
            let mut image = DynamicImage::ImageRgb8(image);
            image.apply_orientation(orientation);
            image
        });
    upright
        .and_then(|image| RgbImage::new(image.width(), image.height(), image.into_bytes()))
        .ok_or_else(|| FileProblem::Damaged {
            format: name,
            reason: format!("{width} x {height} pixels of {color:?} are not read"),
        })
}

/// The format that the first bytes announce, when it is one that is read.
fn known_format(bytes: &[u8]) -> Result<(ImageFormat, &'static str), FileProblem> {
    if bytes.is_empty() {
        return Err(FileProblem::Empty);
    }
    let unsupported = match image::guess_format(bytes) {
        Ok(ImageFormat::Png) => return Ok((ImageFormat::Png, "PNG")),
        Ok(ImageFormat::Jpeg) => return Ok((ImageFormat::Jpeg, "JPEG")),
        Ok(ImageFormat::WebP) if cfg!(feature = "webp") => return Ok((ImageFormat::WebP, "WebP")),
        Ok(ImageFormat::WebP) => "WebP",
        Ok(ImageFormat::Gif) => "GIF",
        Ok(ImageFormat::Bmp) => "BMP",
        Ok(ImageFormat::Tiff) => "TIFF",
        Ok(ImageFormat::Avif) => "AVIF",
        // HEIC and its relatives: an ISO base media file.
        _ if bytes.get(4..8) == Some(b"ftyp") => "HEIC",
        _ => return Err(FileProblem::UnknownFormat),
    };
    Err(FileProblem::UnsupportedFormat(unsupported))
}

/// Any of the decoders' sample layouts as RGB bytes: grey repeated, alpha dropped, the high byte of
/// 16-bit samples (native-endian, as the decoders write them). `None` for float samples, which no
/// enabled decoder produces.
fn to_rgb8(samples: Vec<u8>, color: ColorType) -> Option<Vec<u8>> {
    let rgb = |channels: usize, red_green_blue: [usize; 3]| {
        samples
            .chunks_exact(channels)
            .flat_map(|pixel| red_green_blue.map(|channel| pixel[channel]))
            .collect()
    };
    let rgb16 = |channels: usize, red_green_blue: [usize; 3]| {
        let high = |pixel: &[u8], channel: usize| {
            (u16::from_ne_bytes([pixel[2 * channel], pixel[2 * channel + 1]]) >> 8) as u8
        };
        samples
            .chunks_exact(2 * channels)
            .flat_map(|pixel| red_green_blue.map(|channel| high(pixel, channel)))
            .collect()
    };
    Some(match color {
        ColorType::Rgb8 => samples,
        ColorType::Rgba8 => rgb(4, [0, 1, 2]),
        ColorType::L8 => rgb(1, [0; 3]),
        ColorType::La8 => rgb(2, [0; 3]),
        ColorType::Rgb16 => rgb16(3, [0, 1, 2]),
        ColorType::Rgba16 => rgb16(4, [0, 1, 2]),
        ColorType::L16 => rgb16(1, [0; 3]),
        ColorType::La16 => rgb16(2, [0; 3]),
        _ => return None,
    })
}
