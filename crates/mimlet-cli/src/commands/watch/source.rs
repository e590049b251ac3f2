//! Where frames come from.

use std::io::stdin;
use std::path::Path;
use std::time::{Duration, Instant};

use mimlet_format::{Manifest, Preprocess};
use mimlet_image::{Preprocessor, RgbImage, normalize};

use super::folder::{Folder, Looked};
use super::stop::Stop;
use super::stream::Frames;
use crate::error::Error;

/// A folder, or stdin.
#[derive(Debug)]
pub(super) enum Source {
    Folder(Folder, Preprocessor),
    Stream(Frames, Preprocess),
}

/// What came next.
#[derive(Debug)]
pub(super) enum Taken {
    Frame(Frame),
    /// An image that could not be read, and why.
    Skipped {
        file: String,
        reason: String,
    },
}

/// A frame, ready for the encoder.
#[derive(Debug)]
pub(super) struct Frame {
    /// Its file, if it has one.
    pub(super) file: Option<String>,
    /// Its class, by index.
    pub(super) class: Option<u32>,
    /// f32 `[3, height, width]`, normalised.
    pub(super) input: Vec<f32>,
    /// How long reading, decoding and normalising took, without waiting for it.
    pub(super) prepared_in: Duration,
}

impl Source {
    /// Raw frames on stdin.
    ///
    /// # Errors
    /// When nothing can read beside the watch.
    pub(super) fn stream(manifest: &Manifest, stop: &Stop) -> Result<Self, Error> {
        let frames = Frames::of(stdin(), manifest.encoder.image_size, stop.clone())?;
        Ok(Self::Stream(frames, manifest.preprocess.clone()))
    }

    /// Image files in a folder.
    ///
    /// # Errors
    /// When it cannot be listed; with `once`, when it has no image.
    pub(super) fn folder(
        manifest: &Manifest,
        path: &Path,
        interval: Duration,
        once: bool,
        stop: &Stop,
    ) -> Result<Self, Error> {
        let preprocessor = Preprocessor::new(&manifest.preprocess, manifest.encoder.image_size)?;
        let folder = Folder::open(path, interval, once, stop.clone())?;
        Ok(Self::Folder(folder, preprocessor))
    }

    /// Names of the classes; none without labels.
    pub(super) fn classes(&self) -> &[String] {
        match self {
            Self::Folder(folder, _) => folder.classes(),
            Self::Stream(..) => &[],
        }
    }

    /// The next frame, waited for; `None` at the end.
    ///
    /// # Errors
    /// When the stream ends within a frame, or the folder is gone.
    pub(super) fn take(&mut self) -> Result<Option<Taken>, Error> {
        match self {
            Self::Stream(stream, preprocess) => {
                let Some(pixels) = stream.take()? else {
                    return Ok(None);
                };
                let start = Instant::now();
                let input = normalized(pixels, stream.size(), preprocess)?;
                Ok(Some(Taken::Frame(Frame {
                    file: None,
                    class: None,
                    input,
                    prepared_in: start.elapsed(),
                })))
            }
            Self::Folder(folder, preprocessor) => folder.take(|path, class| {
                let start = Instant::now();
                Ok(Taken::Frame(Frame {
                    input: preprocessor.prepare(path)?.input,
                    file: Some(path.display().to_string()),
                    class,
                    prepared_in: start.elapsed(),
                }))
            }),
        }
    }
}

impl From<Looked> for Taken {
    fn from(looked: Looked) -> Self {
        Self::Skipped {
            file: looked.path.display().to_string(),
            reason: looked.reason,
        }
    }
}

fn normalized(
    pixels: Vec<u8>,
    [height, width]: [u32; 2],
    preprocess: &Preprocess,
) -> Result<Vec<f32>, Error> {
    let image = RgbImage::new(width, height, pixels)
        .ok_or_else(|| Error::new("stdin: a frame is of another size than the model's input"))?;
    Ok(normalize(&image, preprocess.mean, preprocess.std))
}
