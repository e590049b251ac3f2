//! The drift reference of shapes-tiny on its check images, as they are and as a bad camera sees them:
//! changed ones raise an alarm within 200 frames, the rest stays quiet.

use std::path::{Path, PathBuf};

use image::RgbImage;
use image::imageops::{FilterType, blur, crop_imm, resize};
use mimlet_format::ModelFile;
use mimlet_image::{Folder, Preprocessor, RgbImage as Pixels};
use mimlet_runtime::drift::DriftMonitor;
use mimlet_runtime::{Encoder, Encoding};

/// An alarm has to come within this many frames.
const FRAMES: usize = 200;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../models/shapes-tiny")
        .join(name)
}

/// Encodings of the check images after `change`.
fn encodings(file: &ModelFile, change: impl Fn(&RgbImage) -> RgbImage) -> Vec<Encoding> {
    let model = file.model();
    let manifest = model.manifest();
    let preprocessor =
        Preprocessor::new(&manifest.preprocess, manifest.encoder.image_size).unwrap();
    let mut encoder = Encoder::on_cpu(&model, 2).unwrap();
    let images = Folder::open(path("check")).unwrap().images;
    let encode = |(path, _): (PathBuf, u32)| {
        let changed = change(&image::open(path).unwrap().to_rgb8());
        let (width, height) = changed.dimensions();
        let pixels = Pixels::new(width, height, changed.into_raw()).unwrap();
        let input = preprocessor.prepare_image(&pixels).input;
        encoder.encode(&input).unwrap().clone()
    };
    images.into_iter().map(encode).collect()
}

/// Frames until the first alarm, of shuffled images over and over; at most `frames`.
fn first_alarm(file: &ModelFile, images: &[Encoding], seed: u64, frames: usize) -> Option<usize> {
    let model = file.model();
    let mut monitor = DriftMonitor::new(model.manifest().drift.as_ref().unwrap());
    let mut order: Vec<&Encoding> = images.iter().collect();
    let mut state = seed;
    for frame in 0..frames {
        if frame % order.len() == 0 {
            shuffle(&mut order, &mut state);
        }
        let report = monitor.push(order[frame % order.len()]);
        if report.is_some_and(|report| !report.alarms.is_empty()) {
            return Some(frame + 1);
        }
    }
    None
}

/// Fisher and Yates's, with a linear congruential generator's high bits.
fn shuffle(order: &mut [&Encoding], state: &mut u64) {
    for last in (1..order.len()).rev() {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        order.swap(last, (*state >> 33) as usize % (last + 1));
    }
}

fn map(image: &RgbImage, channel: impl Fn(usize, f32) -> f32) -> RgbImage {
    let mut image = image.clone();
    for pixel in image.pixels_mut() {
        for (index, value) in pixel.0.iter_mut().enumerate() {
            *value = channel(index, f32::from(*value)).clamp(0.0, 255.0) as u8;
        }
    }
    image
}

/// The part from a corner on, `share` of each side away, back at the old size: a camera that moved.
fn shifted(image: &RgbImage, share: f32) -> RgbImage {
    let (width, height) = image.dimensions();
    let away = (width as f32 * share) as u32;
    let kept = crop_imm(image, away, away, width - away, height - away).to_image();
    resize(&kept, width, height, FilterType::Triangle)
}

#[test]
fn clean_images_stay_quiet() {
    let file = ModelFile::open(path("shapes-tiny.int8.mim")).unwrap();
    let clean = encodings(&file, Clone::clone);
    for seed in 0..50 {
        assert_eq!(
            first_alarm(&file, &clean, seed, 960),
            None,
            "shuffle {seed}"
        );
    }
}

/// Asserts an alarm within [`FRAMES`] in whatever order the images come.
fn found(change: impl Fn(&RgbImage) -> RgbImage) {
    let file = ModelFile::open(path("shapes-tiny.int8.mim")).unwrap();
    let changed = encodings(&file, change);
    for seed in 0..10 {
        let first = first_alarm(&file, &changed, seed, FRAMES);
        assert!(
            first.is_some(),
            "no alarm in {FRAMES} frames of shuffle {seed}"
        );
    }
}

// Each as slight as is found in every order; docs/watch.md has what is not.

#[test]
fn a_blur_of_two_pixels_in_64_is_found() {
    found(|image| blur(image, 2.0));
}

#[test]
fn three_tenths_less_light_are_found() {
    found(|image| map(image, |_, value| value * 0.7));
}

#[test]
fn a_shift_by_a_fifth_of_a_side_is_found() {
    found(|image| shifted(image, 0.2));
}

#[test]
fn a_loss_of_three_tenths_of_blue_is_found() {
    let lost = |channel, value| if channel == 2 { value * 0.7 } else { value };
    found(|image| map(image, lost));
}
