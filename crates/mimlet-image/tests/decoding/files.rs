//! Image files to decode: encoded ones, and what encoders do not write, byte by byte.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat};

pub(crate) const FORMATS: [ImageFormat; 3] =
    [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP];

pub(crate) const PNG_SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

pub(crate) fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A gradient with some texture, so that every format has real data to hold.
pub(crate) fn textured(width: u32, height: u32) -> image::RgbImage {
    image::RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([(x * 7) as u8, (y * 5) as u8, (x * y * 31 % 97) as u8])
    })
}

/// A PNG of the given size, bit depth and colour type, with these chunks between `IHDR` and `IEND`.
pub(crate) fn png(width: u32, height: u32, depth: u8, color: u8, chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([depth, color, 0, 0, 0]);
    let parts = [
        vec![chunk(b"IHDR", &header)],
        chunks.to_vec(),
        vec![chunk(b"IEND", &[])],
    ];
    [&PNG_SIGNATURE[..], &parts.concat().concat()].concat()
}

/// A PNG chunk with its check sum.
pub(crate) fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [kind, data].concat();
    let length = (data.len() as u32).to_be_bytes();
    [&length[..], &body, &crc32(&body).to_be_bytes()].concat()
}

/// The same PNG with another size in its header, the check sum made to match.
pub(crate) fn patched_png_size(png: &[u8], width: u32, height: u32) -> Vec<u8> {
    let header = [&width.to_be_bytes(), &height.to_be_bytes(), &png[24..29]].concat();
    [&PNG_SIGNATURE[..], &chunk(b"IHDR", &header), &png[33..]].concat()
}

/// A zlib stream that stores `data` uncompressed.
pub(crate) fn stored_zlib(data: &[u8]) -> Vec<u8> {
    let length = data.len() as u16;
    let (mut a, mut b) = (1u32, 0u32);
    for &byte in data {
        a = (a + u32::from(byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    let mut stream = vec![0x78, 0x01, 0x01];
    stream.extend(length.to_le_bytes());
    stream.extend((!length).to_le_bytes());
    stream.extend(data);
    stream.extend((b << 16 | a).to_be_bytes());
    stream
}

/// An EXIF block that holds nothing but the orientation.
pub(crate) fn exif(orientation: u8) -> Vec<u8> {
    let mut block = b"II*\x00\x08\x00\x00\x00\x01\x00".to_vec();
    block.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]);
    block.extend([0; 4]);
    block
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 * (crc & 1))
        })
    })
}
