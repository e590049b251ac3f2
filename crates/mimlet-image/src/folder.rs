//! Data sets as folders of image files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::decode::cannot_read;
use crate::error::{FileProblem, ImageError};

/// File extensions taken for images, in any case.
const EXTENSIONS: [&str; 5] = ["jpeg", "jpg", "npy", "png", "webp"];

/// A labelled data set in the layout of torchvision's `ImageFolder`: one folder per class, holding
/// its images. Classes and images are in the order of their names, so labels are the same on every
/// machine. Hidden files, other files and folders inside class folders are skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Names of the classes; a label is an index into it.
    pub classes: Vec<String>,
    /// Each image with its label.
    pub images: Vec<(PathBuf, u32)>,
}

impl Folder {
    /// Lists the data set in `root`. The images are not opened.
    ///
    /// # Errors
    /// [`ImageError::File`] naming the folder that is missing, has no class folders, or is a class
    /// folder without images.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, ImageError> {
        let root = root.as_ref();
        let mut folder = Self {
            classes: Vec::new(),
            images: Vec::new(),
        };
        for class_folder in entries(root)?.into_iter().filter(|path| path.is_dir()) {
            let name = class_folder.file_name().unwrap_or_default();
            let label = folder.classes.len() as u32; // fits: a file system has fewer folders
            folder.classes.push(name.to_string_lossy().into_owned());
            let images = images_in(&class_folder)?;
            folder
                .images
                .extend(images.into_iter().map(|image| (image, label)));
        }
        if folder.classes.is_empty() {
            return Err(ImageError::file(root, FileProblem::NoClasses));
        }
        Ok(folder)
    }
}

/// The images directly in `folder`, in the order of their names: PNG, JPEG, WebP and `.npy` files
/// by extension, hidden ones skipped. At least one.
///
/// # Errors
/// [`ImageError::File`] naming a folder that is missing or has no images.
pub fn images_in(folder: impl AsRef<Path>) -> Result<Vec<PathBuf>, ImageError> {
    let folder = folder.as_ref();
    let images: Vec<PathBuf> = entries(folder)?
        .into_iter()
        .filter(|path| is_image_name(path) && !path.is_dir())
        .collect();
    if images.is_empty() {
        return Err(ImageError::file(folder, FileProblem::NoImages));
    }
    Ok(images)
}

fn is_image_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        EXTENSIONS
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}

/// What is in a folder, by name, without what is hidden.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, ImageError> {
    let refuse = |problem| ImageError::file(folder, problem);
    let metadata = fs::metadata(folder).map_err(|error| refuse(cannot_read(error)))?;
    if !metadata.is_dir() {
        return Err(refuse(FileProblem::IsFile));
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| refuse(cannot_read(error)))? {
        let entry = entry.map_err(|error| refuse(cannot_read(error)))?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}
