//! ImageFolder: `<class>/<image>`.

use std::path::{Path, PathBuf};

use mimlet_image::{Folder, Limits, NpyArray, NpyData, RgbImage, decode};

use super::Source;
use crate::error::TrainError;

/// A folder of class folders of images; classes and files in name order.
#[derive(Debug, Clone)]
pub struct FolderSource {
    folder: Folder,
}

impl FolderSource {
    /// Lists `root`. No image is opened.
    ///
    /// # Errors
    /// [`TrainError::Image`] naming a folder without classes or a class without images.
    pub fn open(root: &Path) -> Result<Self, TrainError> {
        let folder = Folder::open(root)?;
        Ok(Self { folder })
    }

    fn path(&self, index: usize) -> &PathBuf {
        &self.folder.images[index].0
    }
}

impl Source for FolderSource {
    fn len(&self) -> usize {
        self.folder.images.len()
    }

    fn class_names(&self) -> &[String] {
        &self.folder.classes
    }

    fn label(&self, index: usize) -> u32 {
        self.folder.images[index].1
    }

    fn describe(&self, index: usize) -> String {
        self.path(index).display().to_string()
    }

    fn read(&self, index: usize) -> Result<RgbImage, TrainError> {
        let path = self.path(index);
        let bytes = std::fs::read(path).map_err(TrainError::io(path, "read"))?;
        if NpyArray::is_npy(&bytes) {
            return from_array(path, &bytes);
        }
        Ok(decode(&bytes, path, &Limits::default())?)
    }
}

/// A NumPy file of pixels, u8 `[height, width, 3]`.
fn from_array(path: &Path, bytes: &[u8]) -> Result<RgbImage, TrainError> {
    let wrong = |reason: String| TrainError::Content {
        path: path.to_owned(),
        reason,
    };
    let array = NpyArray::parse(bytes).map_err(|error| wrong(error.to_string()))?;
    let found = array.describe();
    match (array.data, array.shape.as_slice()) {
        (NpyData::U8(pixels), &[height, width, 3]) => {
            RgbImage::new(width as u32, height as u32, pixels)
        }
        _ => None,
    }
    .ok_or_else(|| {
        wrong(format!(
            "holds {found}; training needs u8 [height, width, 3]"
        ))
    })
}
