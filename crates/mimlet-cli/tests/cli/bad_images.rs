//! Images that cannot be encoded: one line, exit code 2, no file.

use std::fs;
use std::path::Path;

use crate::fixture::{SIDE, folder, refused};

/// Encodes a file and expects to be refused, with the file named, and no output left.
fn refused_image(folder: &Path, name: &str, mention: &str) {
    refused(
        folder,
        &["encode", "tiny.mim", name, "-o", "out.npy"],
        &[name, mention],
    );
    // A good image before it makes no difference.
    let arguments = [
        "encode",
        "tiny.mim",
        "photos/dark/0.png",
        name,
        "-o",
        "out.npy",
    ];
    refused(folder, &arguments, &[name, mention]);
}

#[test]
fn missing_file() {
    let folder = folder();
    refused_image(folder.path(), "nowhere.png", "check the path");
}

#[test]
fn folder_instead_of_a_file() {
    let folder = folder();
    refused_image(folder.path(), "photos", "is a folder");
}

#[test]
fn empty_file() {
    let folder = folder();
    fs::write(folder.path().join("empty.png"), "").unwrap();
    refused_image(folder.path(), "empty.png", "0 bytes");
}

#[test]
fn no_image_at_all() {
    let folder = folder();
    fs::write(folder.path().join("text.png"), "this is no image").unwrap();
    refused_image(folder.path(), "text.png", "PNG, JPEG or WebP");
}

#[test]
fn truncated_image() {
    let folder = folder();
    let whole = fs::read(folder.path().join("photos/dark/0.png")).unwrap();
    for (name, length) in [("half.png", whole.len() / 2), ("head.png", 20)] {
        fs::write(folder.path().join(name), &whole[..length]).unwrap();
        refused_image(folder.path(), name, "cut short");
    }
}

#[test]
fn hundred_thousand_pixels_a_side() {
    let folder = folder();
    // A header that promises what no machine holds, and an end.
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = b"IHDR".to_vec();
    header.extend(100_000u32.to_be_bytes());
    header.extend(100_000u32.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    for chunk in [header, b"IEND".to_vec()] {
        png.extend((chunk.len() as u32 - 4).to_be_bytes());
        png.extend(&chunk);
        png.extend(crc(&chunk).to_be_bytes());
    }
    fs::write(folder.path().join("huge.png"), png).unwrap();
    refused_image(folder.path(), "huge.png", "huge.png");
}

/// CRC-32 of a PNG chunk (PNG specification, annex D).
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32| {
        if crc & 1 == 1 {
            0xEDB8_8320 ^ (crc >> 1)
        } else {
            crc >> 1
        }
    };
    let add = |crc: u32, &byte: &u8| (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc));
    !bytes.iter().fold(u32::MAX, add)
}

#[test]
fn array_of_another_size() {
    let folder = folder();
    let side = SIDE as usize;
    let path = folder.path().join("small.npy");
    mimlet_image::write_npy(&path, &[8, 8, 3], &[0u8; 192]).unwrap();
    refused_image(folder.path(), "small.npy", "uint8 [16, 16, 3]");
    let pixels = vec![0f32; side * side * 3];
    let path = folder.path().join("rows.npy");
    mimlet_image::write_npy(&path, &[side, side, 3], &pixels).unwrap();
    refused_image(folder.path(), "rows.npy", "[3, 16, 16]");
}

#[test]
fn array_with_a_nan() {
    let folder = folder();
    let side = SIDE as usize;
    let mut values = vec![0f32; side * side * 3];
    values[5] = f32::NAN;
    let path = folder.path().join("nan.npy");
    mimlet_image::write_npy(&path, &[3, side, side], &values).unwrap();
    refused_image(folder.path(), "nan.npy", "value 5 is NaN");
}
