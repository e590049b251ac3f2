//! Labelled images in memory: made by [`crate::synth`], or read from an ImageFolder.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::decode;
use crate::error::TrainError;

/// Images of one size with their labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSet {
    /// Height and width, pixels.
    pub size: [usize; 2],
    /// u8 `[images, height, width, 3]`, red first.
    pub pixels: Vec<u8>,
    /// Class of each image, an index into `class_names`.
    pub labels: Vec<u32>,
    /// Names of the classes.
    pub class_names: Vec<String>,
}

impl ImageSet {
    /// Checks that the parts agree.
    ///
    /// # Errors
    /// [`TrainError::Config`] when there is no image, or counts or labels disagree.
    pub fn new(
        size: [usize; 2],
        pixels: Vec<u8>,
        labels: Vec<u32>,
        class_names: Vec<String>,
    ) -> Result<Self, TrainError> {
        let wrong = |reason: String| Err(TrainError::Config(reason));
        if labels.is_empty() {
            return wrong("a data set needs at least one image".into());
        }
        if pixels.len() != labels.len() * size[0] * size[1] * 3 {
            return wrong(format!(
                "{} bytes of pixels are not {} images of {size:?}",
                pixels.len(),
                labels.len()
            ));
        }
        if let Some(label) = labels.iter().find(|&&l| l as usize >= class_names.len()) {
            return wrong(format!("label {label} with {} classes", class_names.len()));
        }
        Ok(Self {
            size,
            pixels,
            labels,
            class_names,
        })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Never true: [`ImageSet::new`] refuses an empty set.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The pixels of image `index`, u8 `[height, width, 3]`.
    ///
    /// # Panics
    /// When there is no such image.
    pub fn image(&self, index: usize) -> &[u8] {
        let bytes = self.size[0] * self.size[1] * 3;
        &self.pixels[index * bytes..(index + 1) * bytes]
    }
}

/// Reads `folder/<class>/<file>`: classes and files in name order; each image is brought to
/// `size` by a bicubic resize of its short side to `resize` and a centre crop.
///
/// # Errors
/// [`TrainError::Io`] for what cannot be read, [`TrainError::Content`] for folders without images
/// and files that are no image.
pub fn read_image_folder(
    folder: &Path,
    size: usize,
    resize: usize,
) -> Result<ImageSet, TrainError> {
    let classes = sorted_entries(folder, Path::is_dir)?;
    let mut files: Vec<(PathBuf, u32)> = Vec::new();
    for (label, class) in classes.iter().enumerate() {
        let images = sorted_entries(class, decode::is_image)?;
        files.extend(images.into_iter().map(|file| (file, label as u32)));
    }
    if files.is_empty() {
        return Err(TrainError::Content {
            path: folder.to_owned(),
            reason: "no images; expected <class>/<image>.png|jpg|webp below it".into(),
        });
    }
    let pixels: Vec<Vec<u8>> = files
        .par_iter()
        .map(|(file, _)| decode::read_image(file, size, resize))
        .collect::<Result<_, _>>()?;
    let name = |path: &PathBuf| {
        path.file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    };
    ImageSet::new(
        [size, size],
        pixels.concat(),
        files.iter().map(|(_, label)| *label).collect(),
        classes.iter().map(name).collect(),
    )
}

/// Entries of `folder` that `keep` accepts, by name.
fn sorted_entries(folder: &Path, keep: fn(&Path) -> bool) -> Result<Vec<PathBuf>, TrainError> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(TrainError::io(folder, "read"))? {
        let path = entry.map_err(TrainError::io(folder, "read"))?.path();
        if keep(&path) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
