//! What a table calls an image.

use std::path::Path;

/// The image's path below the data set's folder, wherever a machine keeps that, with `/` on every
/// system; a path elsewhere as it is given.
///
/// ```
/// use mimlet_parquet::image_name;
/// use std::path::Path;
///
/// let path = Path::new("data/cat/1.png");
/// assert_eq!(image_name(path, Some(Path::new("data/"))), "cat/1.png");
/// assert_eq!(image_name(path, None), "data/cat/1.png");
/// ```
pub fn image_name(path: &Path, folder: Option<&Path>) -> String {
    match folder.and_then(|folder| path.strip_prefix(folder).ok()) {
        Some(below) => {
            let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
            parts.join("/")
        }
        None => path.display().to_string(),
    }
}
