//! The fixture that timm made: a model, and its features of two photos.

use crate::path;
use mimlet_export::{ExportOptions, FloatModel, GoldenImage, ImportOptions, export, import};
use mimlet_format::{AlignedBytes, Scheme};
use safetensors::SafeTensors;

/// Short side of the resize before the crop, pixels.
pub const RESIZE: u32 = 72;
/// The photos.
pub const PHOTOS: [&str; 2] = ["chelsea", "coffee"];
/// Largest difference of a feature from timm's.
pub const TOLERANCE: f32 = 2e-4;

/// What timm made of a photo.
#[derive(Debug)]
pub struct Expected {
    /// `[64, 64, 3]` after resize and crop.
    pub pixels: Vec<u8>,
    /// `[3, 64, 64]`, normalised.
    pub input: Vec<f32>,
    /// `[64]`, after the final norm.
    pub class: Vec<f32>,
    /// `[64, 64]`, after the final norm.
    pub patches: Vec<f32>,
}

/// The model as its importer reads it.
///
/// # Panics
/// When the importer refuses the checkpoint.
#[must_use]
pub fn model() -> FloatModel {
    let checkpoint = path("fixtures/timm_vit_64_p8_d64_l3_h4.safetensors");
    let options = ImportOptions {
        heads: Some(4),
        ..ImportOptions::default()
    };
    let mut model = import(&checkpoint, &options).expect("timm's checkpoint is importable");
    model.preprocess.resize_short_side = Some(RESIZE);
    model
}

/// The model as a file whose golden images are the photos.
///
/// # Panics
/// When the export refuses the model.
#[must_use]
pub fn packed(scheme: Scheme) -> AlignedBytes {
    let model = model();
    let preprocess = model.preprocess.resolve(model.encoder.image_size);
    let mut options = ExportOptions::new(scheme, preprocess);
    options.golden = PHOTOS
        .map(|photo| GoldenImage {
            pixels: expected(photo).pixels,
            label: None,
        })
        .into();
    export(&model, None, &options)
        .expect("timm's model passes its acceptance test")
        .bytes
}

/// What timm made of a photo.
///
/// # Panics
/// When the fixture is damaged.
#[must_use]
pub fn expected(photo: &str) -> Expected {
    let bytes = std::fs::read(path(
        "fixtures/timm_vit_64_p8_d64_l3_h4.expected.safetensors",
    ))
    .expect("the fixture is in the repository");
    let file = SafeTensors::deserialize(&bytes).expect("the fixture is a safetensors file");
    let bytes = |name: &str| {
        file.tensor(&format!("{photo}.{name}"))
            .expect("the fixture has the photo")
            .data()
            .to_vec()
    };
    let floats = |name: &str| {
        bytes(name)
            .as_chunks()
            .0
            .iter()
            .map(|&word| f32::from_le_bytes(word))
            .collect()
    };
    Expected {
        pixels: bytes("pixels_u8"),
        input: floats("input"),
        class: floats("cls"),
        patches: floats("patch_tokens"),
    }
}

/// The largest difference between two arrays; NaN when one has a NaN, infinite when they differ in
/// length.
#[must_use]
pub fn largest_difference(expected: &[f32], actual: &[f32]) -> f32 {
    if expected.len() != actual.len() {
        return f32::INFINITY;
    }
    let differences = expected.iter().zip(actual).map(|(e, a)| (e - a).abs());
    // `max` would forget a NaN.
    differences.fold(0.0, |largest, difference| {
        if difference > largest || difference.is_nan() {
            difference
        } else {
            largest
        }
    })
}
