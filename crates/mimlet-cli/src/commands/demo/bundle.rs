//! The model and the labelled images inside the binary: `models/shapes-tiny` of this repository.

use mimlet_format::{FormatError, ModelFile};

/// The file that `models/shapes-tiny/model.toml` says how to make.
const MODEL: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../models/shapes-tiny/shapes-tiny.int8.mim"
));

/// Images of each class.
const PER_CLASS: usize = 12;

/// An image file of `models/shapes-tiny/check`.
macro_rules! check_image {
    ($class:literal, $name:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../models/shapes-tiny/check/",
            $class,
            "/",
            $name,
            ".png"
        ))
    };
}

/// The image files of each class.
macro_rules! check_images {
    ($($class:literal)*) => {
        &[$(($class, [
            check_image!($class, "00000"),
            check_image!($class, "00001"),
            check_image!($class, "00002"),
            check_image!($class, "00003"),
            check_image!($class, "00004"),
            check_image!($class, "00005"),
            check_image!($class, "00006"),
            check_image!($class, "00007"),
            check_image!($class, "00008"),
            check_image!($class, "00009"),
            check_image!($class, "00010"),
            check_image!($class, "00011"),
        ])),*]
    };
}

const CHECK: &[(&str, [&[u8]; PER_CLASS])] = check_images!(
    "bars" "corner" "crescent" "cross" "disc" "hexagon" "ring" "square" "star" "triangle"
);

/// The bundled model, checked like any file.
pub(super) fn model() -> Result<ModelFile, FormatError> {
    ModelFile::from_bytes(MODEL.to_vec())
}

/// The classes, in the order of their labels.
pub(super) fn class_names() -> Vec<String> {
    CHECK
        .iter()
        .map(|(class, _)| (*class).to_string())
        .collect()
}

/// The image files, class by class, with their labels.
pub(super) fn images() -> impl Iterator<Item = (u32, &'static [u8])> {
    (0..)
        .zip(CHECK)
        .flat_map(|(label, (_, files))| files.iter().map(move |&file| (label, file)))
}
