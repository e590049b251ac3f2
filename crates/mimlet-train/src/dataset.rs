//! Labelled images in memory: made by [`crate::synth`], or read from an ImageFolder.

use std::path::Path;

use mimlet_format::{Preprocess, Resample};
use mimlet_image::{Folder, Preprocessor};
use rayon::prelude::*;

use crate::config::ModelConfig;
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

    /// That the images are as large as the model's input.
    ///
    /// # Errors
    /// [`TrainError::Config`] with both sizes.
    pub fn check_size(&self, model: &ModelConfig) -> Result<(), TrainError> {
        if self.size == [model.image_size; 2] {
            return Ok(());
        }
        Err(TrainError::Config(format!(
            "the images are {:?} pixels, the model's image_size is {}; use the model's own \
             configuration",
            self.size, model.image_size
        )))
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

/// Reads `folder/<class>/<file>`: classes and files in name order, each image resized and cropped
/// as `model` says, by the code that prepares images on the device.
///
/// # Errors
/// [`TrainError::Image`] for what cannot be read, [`TrainError::Content`] for an array of
/// normalised values, which has no pixels to augment.
pub fn read_image_folder(folder: &Path, model: &ModelConfig) -> Result<ImageSet, TrainError> {
    let files = Folder::open(folder)?;
    let preprocess = Preprocess {
        resize_short_side: model.resize as u32,
        resample: Resample::Bicubic,
        mean: model.mean,
        std: model.std,
    };
    let preprocessor = Preprocessor::new(&preprocess, [model.image_size as u32; 2])?;
    let pixels: Vec<Vec<u8>> = files
        .images
        .par_iter()
        .map(|(file, _)| {
            let pixels = preprocessor.prepare(file)?.pixels;
            let pixels = pixels.ok_or_else(|| TrainError::Content {
                path: file.clone(),
                reason: "holds normalised values; training needs u8 pixels".into(),
            })?;
            Ok(pixels.into_pixels())
        })
        .collect::<Result<_, TrainError>>()?;
    ImageSet::new(
        [model.image_size; 2],
        pixels.concat(),
        files.images.iter().map(|(_, label)| *label).collect(),
        files.classes,
    )
}
