//! Images of one size as they lie in CIFAR, IDX and NumPy files.

use std::path::{Path, PathBuf};

use mimlet_image::RgbImage;

use super::Source;
use crate::error::TrainError;

/// How the bytes of an image lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// `[height, width]`, repeated to red, green and blue when read.
    Grey,
    /// `[height, width, 3]`.
    Interleaved,
    /// `[3, height, width]`.
    Planar,
}

impl Layout {
    /// Bytes of a pixel.
    pub(super) fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Interleaved | Self::Planar => 3,
        }
    }
}

/// Labelled images of one size in memory, as their files hold them.
#[derive(Debug, Clone)]
pub struct Packed {
    /// Each file with the number of images up to its end.
    files: Vec<(PathBuf, usize)>,
    size: [u32; 2],
    layout: Layout,
    pixels: Vec<u8>,
    labels: Vec<u32>,
    class_names: Vec<String>,
}

impl Packed {
    /// No image yet, of `[height, width]` pixels.
    pub(super) fn new(size: [u32; 2], layout: Layout) -> Self {
        Self {
            files: Vec::new(),
            size,
            layout,
            pixels: Vec::new(),
            labels: Vec::new(),
            class_names: Vec::new(),
        }
    }

    /// Appends the images of a file, whose sizes agree with its number of labels.
    pub(super) fn push_file(&mut self, path: &Path, pixels: &[u8], labels: &[u32]) {
        self.pixels.extend_from_slice(pixels);
        self.labels.extend_from_slice(labels);
        self.files.push((path.to_owned(), self.labels.len()));
    }

    /// Takes over the images of `other`, which are of the same size and layout.
    ///
    /// # Errors
    /// [`TrainError::Content`] when they are not.
    pub(super) fn append(&mut self, other: Self) -> Result<(), TrainError> {
        if (self.size, self.layout) != (other.size, other.layout) {
            return Err(TrainError::Content {
                path: other.files.into_iter().next().unwrap_or_default().0,
                reason: format!(
                    "has images of {:?}, the files before it of {:?}; open them apart",
                    other.size, self.size
                ),
            });
        }
        let before = self.labels.len();
        let files = other.files.into_iter();
        self.files
            .extend(files.map(|(path, end)| (path, before + end)));
        self.pixels.extend(other.pixels);
        self.labels.extend(other.labels);
        Ok(())
    }

    /// The set, with names for its classes: numbers when `names` has none.
    ///
    /// # Errors
    /// [`TrainError::Content`] naming the record whose label has no name.
    pub(super) fn finish(mut self, names: Option<Vec<String>>) -> Result<Self, TrainError> {
        let refuse = |at: usize, reason: String| {
            let (path, record) = self.place(at);
            TrainError::Content {
                path: path.to_owned(),
                reason: format!("record {record}: {reason}"),
            }
        };
        let names = super::classes::names_for(&self.labels, names);
        self.class_names = names.map_err(|(at, reason)| refuse(at, reason))?;
        Ok(self)
    }

    /// The file of image `index`, and its number there.
    fn place(&self, index: usize) -> (&Path, usize) {
        let at = self.files.partition_point(|&(_, end)| end <= index);
        let start = if at == 0 { 0 } else { self.files[at - 1].1 };
        (&self.files[at].0, index - start)
    }
}

impl Source for Packed {
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
        let (path, record) = self.place(index);
        format!("{}: record {record}", path.display())
    }

    fn read(&self, index: usize) -> Result<RgbImage, TrainError> {
        let [height, width] = self.size;
        let plane = height as usize * width as usize;
        let bytes = plane * self.layout.channels();
        let image = &self.pixels[index * bytes..(index + 1) * bytes];
        let pixels = match self.layout {
            Layout::Grey => image.iter().flat_map(|&level| [level; 3]).collect(),
            Layout::Interleaved => image.to_vec(),
            Layout::Planar => {
                let (red, rest) = image.split_at(plane);
                let (green, blue) = rest.split_at(plane);
                let colours = red.iter().zip(green).zip(blue);
                colours.flat_map(|((&r, &g), &b)| [r, g, b]).collect()
            }
        };
        RgbImage::new(width, height, pixels)
            .ok_or_else(|| TrainError::Config(format!("{} has no pixels", self.describe(index))))
    }
}
