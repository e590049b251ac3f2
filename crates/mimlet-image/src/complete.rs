//! Whether an image file is all there.
//!
//! Decoders are kind to files that end early and fill the rest with grey, which an encoder takes
//! for content. Each format marks its end, so a file that was cut anywhere is known before it is
//! decoded.

use image::ImageFormat;

/// Whether the bytes end before the format's end marker.
pub(crate) fn ends_early(format: ImageFormat, bytes: &[u8]) -> bool {
    let complete = match format {
        ImageFormat::Jpeg => jpeg_end(bytes),
        ImageFormat::Png => png_end(bytes),
        ImageFormat::WebP => webp_end(bytes),
        _ => Some(()),
    };
    complete.is_none()
}

/// Walks the segments to the end-of-image marker (ITU T.81, annex B). Thumbnails lie inside
/// segments and are stepped over with them. In entropy-coded data a 0xFF byte is followed by zero
/// or a restart marker, which have no length.
fn jpeg_end(bytes: &[u8]) -> Option<()> {
    let mut at = 2;
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| byte == 0xFF)?;
        at += bytes.get(at..)?.iter().position(|&byte| byte != 0xFF)?;
        let marker = *bytes.get(at)?;
        at += 1;
        match marker {
            0xD9 => return Some(()),
            0x00 | 0x01 | 0xD0..=0xD8 => {}
            _ => at += usize::from(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?)).max(2),
        }
    }
}

/// Walks the chunks to the end of `IEND` (PNG specification, section 5).
fn png_end(bytes: &[u8]) -> Option<()> {
    let mut rest = bytes.get(8..)?;
    loop {
        let length = u32::from_be_bytes(*rest.first_chunk()?) as usize;
        let chunk = rest.get(..length.checked_add(12)?)?;
        if &chunk[4..8] == b"IEND" {
            return Some(());
        }
        rest = &rest[chunk.len()..];
    }
}

/// The length in the RIFF header (RFC 9649, section 2.4).
fn webp_end(bytes: &[u8]) -> Option<()> {
    let length = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?) as usize;
    bytes.get(8..)?.get(..length).map(|_| ())
}
