//! Every kind of sample and orientation.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageFormat};
use mimlet_image::{Limits, RgbImage, decode};

use crate::files::{chunk, encoded, exif, png, stored_zlib, textured};

fn decoded(bytes: &[u8]) -> RgbImage {
    decode(bytes, "test", &Limits::default()).unwrap()
}

#[test]
fn lossless_files_keep_every_pixel() {
    let image = textured(37, 23);
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let found = decoded(&encoded(image.clone(), format));
        assert_eq!((found.width(), found.height()), (37, 23));
        assert_eq!(found.pixels(), image.as_raw().as_slice());
    }
    let flat = image::RgbImage::from_pixel(20, 9, image::Rgb([180, 90, 30]));
    let found = decoded(&encoded(flat.clone(), ImageFormat::Jpeg));
    assert_eq!((found.width(), found.height()), (20, 9));
    assert!(
        found
            .pixels()
            .iter()
            .zip(flat.as_raw())
            .all(|(a, b)| a.abs_diff(*b) <= 3)
    );
}

#[test]
fn grey_is_repeated_and_alpha_dropped() {
    let grey = image::GrayImage::from_raw(2, 1, vec![7, 200]).unwrap();
    let grey_alpha = image::GrayAlphaImage::from_raw(2, 1, vec![7, 0, 200, 128]).unwrap();
    for bytes in [
        encoded(grey.clone(), ImageFormat::Png),
        encoded(grey_alpha, ImageFormat::Png),
    ] {
        assert_eq!(decoded(&bytes).pixels(), [7, 7, 7, 200, 200, 200]);
    }
    let grey_jpeg = decoded(&encoded(grey, ImageFormat::Jpeg));
    assert!(
        grey_jpeg
            .pixels()
            .chunks(3)
            .all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2])
    );
    let alpha = image::RgbaImage::from_raw(2, 1, vec![1, 2, 3, 0, 4, 5, 6, 255]).unwrap();
    assert_eq!(
        decoded(&encoded(alpha, ImageFormat::Png)).pixels(),
        [1, 2, 3, 4, 5, 6]
    );
    // Lossless WebP may blacken what is wholly transparent, so only half of it is here.
    let alpha = image::RgbaImage::from_raw(2, 1, vec![1, 2, 3, 9, 4, 5, 6, 255]).unwrap();
    assert_eq!(
        decoded(&encoded(alpha, ImageFormat::WebP)).pixels(),
        [1, 2, 3, 4, 5, 6]
    );
}

#[test]
fn sixteen_bits_keep_the_high_byte() {
    type Deep<P> = image::ImageBuffer<P, Vec<u16>>;
    let values = vec![0x1234, 0x00FF, 0xFFFF];
    let rgb: Deep<image::Rgb<u16>> = Deep::from_raw(1, 1, values.clone()).unwrap();
    assert_eq!(
        decoded(&encoded(rgb, ImageFormat::Png)).pixels(),
        [0x12, 0, 255]
    );
    let rgba: Deep<image::Rgba<u16>> =
        Deep::from_raw(1, 1, vec![0x1234, 0x00FF, 0xFFFF, 0x8000]).unwrap();
    assert_eq!(
        decoded(&encoded(rgba, ImageFormat::Png)).pixels(),
        [0x12, 0, 255]
    );
    let grey: Deep<image::Luma<u16>> = Deep::from_raw(3, 1, values).unwrap();
    let expected = [0x12, 0x12, 0x12, 0, 0, 0, 255, 255, 255];
    assert_eq!(decoded(&encoded(grey, ImageFormat::Png)).pixels(), expected);
    let grey_alpha: Deep<image::LumaA<u16>> = Deep::from_raw(1, 1, vec![0x1234, 0]).unwrap();
    assert_eq!(
        decoded(&encoded(grey_alpha, ImageFormat::Png)).pixels(),
        [0x12; 3]
    );
}

#[test]
fn palettes_are_looked_up_and_bits_spread() {
    // Indexed, 8 bits, three entries, the first transparent.
    let palette = [10, 20, 30, 40, 50, 60, 70, 80, 90];
    let indexed = png(
        3,
        1,
        8,
        3,
        &[
            chunk(b"PLTE", &palette),
            chunk(b"tRNS", &[0]),
            chunk(b"IDAT", &stored_zlib(&[0, 2, 0, 1])),
        ],
    );
    assert_eq!(
        decoded(&indexed).pixels(),
        [70, 80, 90, 10, 20, 30, 40, 50, 60]
    );
    // Grey, 1 bit: 1 0 1.
    let bits = png(
        3,
        1,
        1,
        0,
        &[chunk(b"IDAT", &stored_zlib(&[0, 0b1010_0000]))],
    );
    assert_eq!(
        decoded(&bits).pixels(),
        [255, 255, 255, 0, 0, 0, 255, 255, 255]
    );
}

/// Stored pixels `abc/def` for each orientation tag, by the tag's definition (EXIF 2.3, 4.6.4):
/// where the stored first row and first column lie in the scene.
#[test]
fn every_exif_orientation_ends_upright() {
    let stored: Vec<u8> = b"abcdef".iter().flat_map(|&value| [value; 3]).collect();
    let cases = [
        (1, "abc/def"),
        (2, "cba/fed"),
        (3, "fed/cba"),
        (4, "def/abc"),
        (5, "ad/be/cf"),
        (6, "da/eb/fc"),
        (7, "fc/eb/da"),
        (8, "cf/be/ad"),
    ];
    for (tag, expected) in cases {
        let mut in_png = Vec::new();
        let mut encoder = PngEncoder::new(&mut in_png);
        encoder.set_exif_metadata(exif(tag)).unwrap();
        encoder
            .write_image(&stored, 3, 2, ExtendedColorType::Rgb8)
            .unwrap();
        let mut in_webp = Vec::new();
        let mut encoder = WebPEncoder::new_lossless(&mut in_webp);
        encoder.set_exif_metadata(exif(tag)).unwrap();
        encoder
            .write_image(&stored, 3, 2, ExtendedColorType::Rgb8)
            .unwrap();
        for bytes in [in_png, in_webp] {
            let image = decoded(&bytes);
            let rows: Vec<String> = image
                .pixels()
                .chunks(3 * image.width() as usize)
                .map(|row| {
                    row.iter()
                        .step_by(3)
                        .map(|&value| char::from(value))
                        .collect()
                })
                .collect();
            assert_eq!(rows.join("/"), expected, "orientation {tag}");
        }
    }
}

#[test]
fn a_turned_jpeg_is_turned_back() {
    // Left half red, right half blue; tag 6 means the stored first row is the scene's right side,
    // so red ends on top.
    let stored = image::RgbImage::from_fn(32, 16, |x, _| {
        image::Rgb(if x < 16 { [250, 0, 0] } else { [0, 0, 250] })
    });
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
    encoder.set_exif_metadata(exif(6)).unwrap();
    encoder.encode_image(&stored).unwrap();
    let image = decoded(&bytes);
    assert_eq!((image.width(), image.height()), (16, 32));
    let (top, bottom) = (
        &image.pixels()[..3],
        &image.pixels()[image.pixels().len() - 3..],
    );
    assert!(top[0] > 230 && top[2] < 20, "{top:?}");
    assert!(bottom[2] > 230 && bottom[0] < 20, "{bottom:?}");
}
