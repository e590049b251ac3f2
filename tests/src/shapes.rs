//! The project's own trained model, `models/shapes-tiny`, and its labelled check images.

use crate::path;
use mimlet_export::{
    CodebookOptions, ExportOptions, FloatModel, GoldenImage, ImportOptions, export, import,
    read_codebook,
};
use mimlet_format::{AlignedBytes, Scheme};
use mimlet_image::{Folder, Preprocessor};
use std::path::PathBuf;

fn file(name: &str) -> PathBuf {
    path("../models/shapes-tiny").join(name)
}

fn model() -> FloatModel {
    import(&file("encoder.safetensors"), &ImportOptions::default())
        .expect("the project imports its own checkpoints")
}

/// The check images at the model's input size, class after class, and the names of the classes.
///
/// # Panics
/// When an image is missing or damaged.
#[must_use]
pub fn check_images() -> (Vec<GoldenImage>, Vec<String>) {
    let model = model();
    let size = model.encoder.image_size;
    let preprocessor = Preprocessor::new(&model.preprocess.resolve(size), size)
        .expect("the checkpoint's preprocessing is possible");
    let folder = Folder::open(file("check")).expect("the check images are in the repository");
    let image = |(path, label): &(PathBuf, u32)| {
        let prepared = preprocessor
            .prepare(path)
            .expect("a check image is readable");
        GoldenImage {
            pixels: prepared
                .pixels
                .map(|image| image.pixels().to_vec())
                .unwrap_or_default(),
            label: Some(*label),
        }
    };
    (folder.images.iter().map(image).collect(), folder.classes)
}

/// The model with the codebook over its own features as a file, its golden images from the check
/// images.
///
/// # Panics
/// When the export refuses the model.
#[must_use]
pub fn packed(scheme: Scheme) -> AlignedBytes {
    let model = model();
    let codebook = read_codebook(
        &file("feature-codebook.safetensors"),
        &CodebookOptions::default(),
    )
    .expect("the project reads its own codebooks");
    let preprocess = model.preprocess.resolve(model.encoder.image_size);
    let mut options = ExportOptions::new(scheme, preprocess);
    (options.golden, options.class_names) = check_images();
    export(&model, Some(&codebook), &options)
        .expect("the model passes its acceptance test")
        .bytes
}
