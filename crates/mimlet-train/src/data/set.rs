//! Labelled images of one size in memory.

use mimlet_image::RgbImage;

use super::Source;
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

    /// The pixels of image `index`, u8 `[height, width, 3]`.
    ///
    /// # Panics
    /// When there is no such image.
    pub fn image(&self, index: usize) -> &[u8] {
        let bytes = self.size[0] * self.size[1] * 3;
        &self.pixels[index * bytes..(index + 1) * bytes]
    }
}

impl Source for ImageSet {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    fn label(&self, index: usize) -> u32 {
        self.labels[index]
    }

    fn describe(&self, index: usize) -> String {
        format!("image {index}")
    }

    fn read(&self, index: usize) -> Result<RgbImage, TrainError> {
        let [height, width] = self.size.map(|side| side as u32);
        RgbImage::new(width, height, self.image(index).to_vec())
            .ok_or_else(|| TrainError::Config(format!("image {index} has no pixels")))
    }
}
