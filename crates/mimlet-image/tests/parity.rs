//! Resize, crop and normalisation against Pillow, torchvision and transformers on real photos.

use std::path::{Path, PathBuf};

use mimlet_format::{Preprocess, Resample};
use mimlet_image::{CropBox, Limits, Preprocessor, RgbImage, crop_and_resize, read};
use proptest::prelude::*;
use safetensors::SafeTensors;

const PHOTOS: [&str; 2] = ["chelsea", "coffee"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn preprocessor(short_side: u32, crop: [u32; 2]) -> Preprocessor {
    let preprocess = Preprocess {
        resize_short_side: short_side,
        resample: Resample::Bicubic,
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
    };
    Preprocessor::new(&preprocess, crop).unwrap()
}

/// Bytes that are others.
fn unequal(found: &[u8], expected: &[u8]) -> usize {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).filter(|(a, b)| a != b).count()
}

#[test]
fn pixels_are_pillows() {
    let bytes = std::fs::read(fixture("expected_pixels.safetensors")).unwrap();
    let expected = SafeTensors::deserialize(&bytes).unwrap();
    for (name, short_side, crop) in [
        ("timm_64", 72, 64),
        ("mae_96", 109, 96),
        ("hf_dinov2_70", 80, 70),
    ] {
        for photo in PHOTOS {
            let prepared = preprocessor(short_side, [crop; 2])
                .prepare(fixture(&format!("{photo}.png")))
                .unwrap();
            let expected = expected
                .tensor(&format!("{name}.{photo}.pixels_u8"))
                .unwrap();
            assert_eq!(expected.shape(), [crop as usize, crop as usize, 3]);
            let pixels = prepared.pixels.unwrap();
            let unequal = unequal(pixels.pixels(), expected.data());
            assert_eq!(unequal, 0, "{name} {photo}");
        }
    }
}

#[test]
fn boxes_are_pillows() {
    let bytes = std::fs::read(fixture("expected_crops.safetensors")).unwrap();
    let expected = SafeTensors::deserialize(&bytes).unwrap();
    for (name, tensor) in expected.tensors() {
        let words: Vec<&str> = name.split('.').collect();
        let number = |at: usize| words[at].parse::<u32>().unwrap();
        let part = CropBox {
            left: number(1),
            top: number(2),
            width: number(3),
            height: number(4),
        };
        let photo = fixture(&format!("{}.png", words[0]));
        let photo = read(photo, &Limits::default()).unwrap();
        let size = [tensor.shape()[0] as u32, tensor.shape()[1] as u32];
        let scaled = crop_and_resize(&photo, part, size).unwrap();
        assert_eq!(unequal(scaled.pixels(), tensor.data()), 0, "{name}");
    }
}

#[test]
fn a_box_outside_the_image_is_refused() {
    let image = RgbImage::new(4, 3, vec![7; 36]).unwrap();
    let part = |left, top, width, height| CropBox {
        left,
        top,
        width,
        height,
    };
    for bad in [
        part(0, 0, 5, 3),
        part(1, 0, 4, 3),
        part(0, 2, 4, 2),
        part(0, 0, 0, 3),
        part(u32::MAX, 0, 2, 1),
    ] {
        let error = crop_and_resize(&image, bad, [2, 2])
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("preprocess.crop is"), "{error}");
    }
    assert!(crop_and_resize(&image, part(0, 0, 4, 3), [0, 2]).is_err());
    let same = crop_and_resize(&image, part(0, 0, 4, 3), [3, 4]).unwrap();
    assert_eq!(same, image);
}

#[test]
fn inputs_equal_torchvisions_for_equal_pixels() {
    let bytes = std::fs::read(fixture("expected_pixels.safetensors")).unwrap();
    let expected = SafeTensors::deserialize(&bytes).unwrap();
    for photo in PHOTOS {
        let pixels = expected
            .tensor(&format!("timm_64.{photo}.pixels_u8"))
            .unwrap();
        let image = RgbImage::new(64, 64, pixels.data().to_vec()).unwrap();
        let input = preprocessor(64, [64, 64]).prepare_image(&image).input;
        let expected = expected.tensor(&format!("timm_64.{photo}.input")).unwrap();
        let (expected, _) = expected.data().as_chunks::<4>();
        assert_eq!(input.len(), expected.len());
        for (found, expected) in input.iter().zip(expected) {
            assert!((found - f32::from_le_bytes(*expected)).abs() <= 1e-6);
        }
    }
}

#[test]
fn the_crop_alone_equals_the_crop_of_the_whole() {
    let photo = read(fixture("coffee.png"), &Limits::default()).unwrap();
    // 600 x 400 to 108 x 72 whole: as tall as wide is enough for a square of 72.
    let whole = preprocessor(72, [72, 72]).resize_and_crop(&photo);
    let crop = preprocessor(72, [40, 64]).resize_and_crop(&photo);
    for row in 0..40 {
        for byte in 0..64 * 3 {
            // Offsets: rows (72 - 40) / 2; columns (108 - 64) / 2 - (108 - 72) / 2.
            let at = (row + 16) * 72 * 3 + 4 * 3 + byte;
            assert_eq!(crop.pixels()[row * 64 * 3 + byte], whole.pixels()[at]);
        }
    }
}

#[test]
fn a_matching_image_is_only_cropped() {
    let pixels: Vec<u8> = (0..8 * 5 * 3)
        .map(|value| (value * 37 % 256) as u8)
        .collect();
    let image = RgbImage::new(8, 5, pixels.clone()).unwrap();
    let crop = preprocessor(5, [5, 5]).resize_and_crop(&image);
    // Margin 3: half is 1.5, which rounds to the even 2.
    let expected: Vec<u8> = pixels
        .chunks(24)
        .flat_map(|row| row[6..21].to_vec())
        .collect();
    assert_eq!(crop.pixels(), expected);
}

#[test]
fn thin_images_are_enlarged_without_a_huge_buffer() {
    // Resized whole, the longest would take 72 x 2,359,296 x 3 bytes: half a gigabyte.
    for (width, height) in [(1, 1), (1, 1000), (1000, 1), (1, 32_768), (2, 3)] {
        let pixels = [200, 100, 50].repeat((width * height) as usize);
        let image = RgbImage::new(width, height, pixels).unwrap();
        let crop = preprocessor(72, [64, 64]).resize_and_crop(&image);
        assert_eq!(crop.pixels(), [200, 100, 50].repeat(64 * 64));
    }
}

#[test]
fn enlarging_interpolates_with_pillows_kernel() {
    // A step of two pixels to eight. Pillow: centres at (i + 0.5) / 4, weights of a = -0.5 cut at
    // the border and normalised.
    let image = RgbImage::new(2, 1, vec![0, 0, 0, 255, 255, 255]).unwrap();
    let crop = preprocessor(4, [1, 4]).resize_and_crop(&image);
    let weight = |x: f64| -> f64 {
        let x = x.abs();
        if x < 1.0 {
            (1.5 * x - 2.5) * x * x + 1.0
        } else if x < 2.0 {
            ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
        } else {
            0.0
        }
    };
    let expected: Vec<f64> = (2..6)
        .map(|i| {
            let centre = (f64::from(i) + 0.5) / 4.0;
            let (left, right) = (weight(0.5 - centre), weight(1.5 - centre));
            (255.0 * right / (left + right)).clamp(0.0, 255.0)
        })
        .collect();
    for (pixel, expected) in crop.pixels().chunks(3).zip(&expected) {
        assert!(
            (f64::from(pixel[0]) - expected).abs() <= 1.0,
            "{pixel:?} {expected}"
        );
    }
}

#[test]
fn an_impossible_preprocessing_names_its_field() {
    let good = preprocessor(72, [64, 64]).preprocess().clone();
    let message = |change: &dyn Fn(&mut Preprocess), size| {
        let mut preprocess = good.clone();
        change(&mut preprocess);
        Preprocessor::new(&preprocess, size)
            .unwrap_err()
            .to_string()
    };
    let crop = message(&|_| (), [64, 80]);
    assert!(
        crop.starts_with("preprocess.resize_short_side is 72; it must be at least 80"),
        "{crop}"
    );
    assert!(message(&|p| p.resize_short_side = u32::MAX, [64, 64]).contains("at most 16384"));
    assert!(message(&|_| (), [0, 64]).starts_with("preprocess.image_size is 0 x 64"));
    assert!(message(&|p| p.mean[1] = f32::NAN, [64, 64]).starts_with("preprocess.mean"));
    for bad in [0.0, -0.5, f32::NAN, f32::INFINITY, 1e-45] {
        assert!(message(&|p| p.std[2] = bad, [64, 64]).starts_with("preprocess.std"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_image_fills_any_crop(
        (width, height) in (1u32..80, 1u32..80),
        (crop_height, crop_width, extra) in (1u32..40, 1u32..40, 0u32..20),
        value in any::<[u8; 3]>(),
    ) {
        let image = RgbImage::new(width, height, value.repeat((width * height) as usize)).unwrap();
        let short_side = crop_height.max(crop_width) + extra;
        let crop = preprocessor(short_side, [crop_height, crop_width]).resize_and_crop(&image);
        prop_assert_eq!((crop.width(), crop.height()), (crop_width, crop_height));
        // A flat image stays flat: every window's weights sum to 1, at the borders too.
        for pixel in crop.pixels().chunks(3) {
            prop_assert_eq!(pixel, &value);
        }
    }
}
