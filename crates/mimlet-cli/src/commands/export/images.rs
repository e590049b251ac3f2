//! The photos a model is calibrated and tested with.

use std::path::{Path, PathBuf};

use mimlet_export::GoldenImage;
use mimlet_image::{FileProblem, Folder, ImageError, Preprocessor, images_in};

use crate::error::Error;
use crate::progress::Progress;

/// More photos than these change neither calibration nor test; with many classes, two of each.
const MOST: usize = 64;

/// Photos at input size, class by class in turn.
#[derive(Debug)]
pub(super) struct Images {
    pub(super) images: Vec<GoldenImage>,
    /// Empty without labels.
    pub(super) class_names: Vec<String>,
}

/// Reads a folder of class folders, or one of unlabelled photos.
///
/// # Errors
/// What is wrong with the folder or with a photo in it.
pub(super) fn read(folder: &Path, preprocessor: &Preprocessor) -> Result<Images, Error> {
    let (files, class_names) = list(folder)?;
    let most = MOST.max(2 * class_names.len());
    let files: Vec<_> = in_turn(files, class_names.len())
        .into_iter()
        .take(most)
        .collect();
    let progress = Progress::new(files.len(), "reading photos");
    let mut images = Vec::with_capacity(files.len());
    for (path, label) in files {
        let Some(pixels) = preprocessor.prepare(&path)?.pixels else {
            let problem = "holds normalised values; calibration takes uint8 pixels or photos";
            return Err(Error::file(&path, problem));
        };
        images.push(GoldenImage {
            pixels: pixels.into_pixels(),
            label,
        });
        progress.step();
    }
    Ok(Images {
        images,
        class_names,
    })
}

type Labelled = Vec<(PathBuf, Option<u32>)>;

fn list(folder: &Path) -> Result<(Labelled, Vec<String>), Error> {
    let unlabelled = |images: Vec<PathBuf>| images.into_iter().map(|path| (path, None)).collect();
    match Folder::open(folder) {
        Ok(found) => {
            let images = found.images.into_iter();
            let labelled = images.map(|(path, label)| (path, Some(label))).collect();
            Ok((labelled, found.classes))
        }
        Err(ImageError::File {
            problem: FileProblem::NoClasses,
            ..
        }) => Ok((unlabelled(images_in(folder)?), Vec::new())),
        Err(error) => Err(error.into()),
    }
}

/// The first of each class, then the second of each, and so on; without classes as they come.
fn in_turn(files: Labelled, classes: usize) -> Labelled {
    let mut seen = vec![0usize; classes];
    let mut ranked: Vec<_> = files
        .into_iter()
        .map(|(path, label)| {
            let rank = label
                .and_then(|label| seen.get_mut(label as usize))
                .map_or(0, |seen| {
                    *seen += 1;
                    *seen
                });
            (rank, path, label)
        })
        .collect();
    // Stable: within a rank the classes keep their order.
    ranked.sort_by_key(|(rank, ..)| *rank);
    ranked
        .into_iter()
        .map(|(_, path, label)| (path, label))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_take_turns() {
        let file = |name: &str, label| (PathBuf::from(name), label);
        let files = vec![
            file("a0", Some(0)),
            file("a1", Some(0)),
            file("b0", Some(1)),
            file("b1", Some(1)),
            file("b2", Some(1)),
        ];
        let names: Vec<_> = in_turn(files, 2)
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        assert_eq!(names, ["a0", "b0", "a1", "b1", "b2"].map(PathBuf::from));
        let plain = vec![file("x", None), file("y", None)];
        assert_eq!(in_turn(plain.clone(), 0), plain);
    }
}
