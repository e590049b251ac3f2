//! What every data set offers.

use std::fmt::Debug;

use mimlet_image::RgbImage;

use super::Faults;
use crate::error::TrainError;

/// A labelled data set whose images are read one at a time, in any order, by any thread.
pub trait Source: Send + Sync + Debug {
    /// Number of images.
    fn len(&self) -> usize;

    /// Whether there is no image.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Names of the classes; a label is an index into them.
    fn class_names(&self) -> &[String];

    /// Class of image `index`, which is below [`Source::len`].
    fn label(&self, index: usize) -> u32;

    /// Where image `index` comes from, for messages: a path, or a place in a file;
    /// no two images' are the same.
    fn describe(&self, index: usize) -> String;

    /// Image `index`, decoded and upright, at its own size.
    ///
    /// # Errors
    /// An error that names the image, when it cannot be read or decoded.
    fn read(&self, index: usize) -> Result<RgbImage, TrainError>;

    /// The bad images met so far and how many are tolerated; none unless the source says otherwise.
    fn faults(&self) -> &Faults {
        Faults::strict()
    }
}
