//! A model file, open and running.

use crate::ladder::{Ladder, NothingPasses};
use crate::report::Report;
use crate::running::Running;
use mimlet_format::{Model, ModelFile, OpenError};
use mimlet_runtime::{EncodeError, Encoding};
use self_cell::self_cell;
use std::fmt;
use std::path::Path;

/// Why a session cannot be opened, or cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The file.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The signature.
    #[cfg(feature = "signature")]
    #[error(transparent)]
    Signature(#[from] mimlet_format::SignatureError),
    /// No rung passes the file's acceptance test; or none is left that does.
    #[error(transparent)]
    NothingPasses(#[from] Box<NothingPasses>),
    /// The image.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// A model file on the fastest backend that passes its acceptance test, [kept running](Running).
pub struct Session(Owning);

self_cell!(
    /// The file, and the model of it that runs.
    struct Owning {
        owner: ModelFile,
        #[covariant]
        dependent: Running,
    }
);

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session")
            .field(self.0.borrow_dependent())
            .finish()
    }
}

impl Session {
    /// Opens a file on the best that this machine offers ([`Ladder::of_machine`]).
    ///
    /// # Errors
    /// The file is none, or nothing here runs it right.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SessionError> {
        Self::on(ModelFile::open(path)?, Ladder::of_machine())
    }

    /// As [`Session::open`], of a file that the holder of this public key has signed: any other is
    /// refused before anything of it is run.
    ///
    /// # Errors
    /// As [`Session::open`]; and the file is unsigned, or its signature is another's or does not hold.
    #[cfg(feature = "signature")]
    pub fn open_signed(
        path: impl AsRef<Path>,
        key: &mimlet_format::PublicKey,
    ) -> Result<Self, SessionError> {
        let file = ModelFile::open(path)?;
        file.model().verify_signature(key)?;
        Self::on(file, Ladder::of_machine())
    }

    /// A file on a ladder.
    ///
    /// # Errors
    /// Nothing on it runs the file right.
    pub fn on(file: ModelFile, ladder: Ladder) -> Result<Self, SessionError> {
        let running = Owning::try_new(file, |file| Running::climb(ladder, &file.model()))?;
        Ok(Self(running))
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> Model<'_> {
        self.0.borrow_owner().model()
    }

    /// What each rung came to, which one runs, and how often it was opened anew.
    #[must_use]
    pub fn report(&self) -> &Report {
        self.0.borrow_dependent().report()
    }

    /// Encodes an image of the model's size: u8 `[height, width, 3]`.
    ///
    /// # Errors
    /// As [`Running::encode_pixels`].
    pub fn encode_pixels(&mut self, pixels: &[u8]) -> Result<&Encoding, SessionError> {
        self.0
            .with_dependent_mut(|_, running| running.encode_pixels(pixels))
    }

    /// Encodes an image: f32 `[3, height, width]`, normalised as the model's preprocessing says.
    ///
    /// # Errors
    /// As [`Running::encode`].
    pub fn encode(&mut self, image: &[f32]) -> Result<&Encoding, SessionError> {
        self.0
            .with_dependent_mut(|_, running| running.encode(image))
    }

    /// Encodes several images, f32 `[3, height, width]` each, normalised, into as many encodings. A GPU
    /// runs as many at once as it has room for, which keeps a large one busier than one image does.
    ///
    /// # Errors
    /// As [`Running::encode_batch`].
    ///
    /// # Panics
    /// When there are not as many encodings as images.
    pub fn encode_batch(
        &mut self,
        images: &[&[f32]],
        encodings: &mut [Encoding],
    ) -> Result<(), SessionError> {
        self.0
            .with_dependent_mut(|_, running| running.encode_batch(images, encodings))
    }

    /// As [`Session::encode_batch`], of images of the model's size: u8 `[height, width, 3]` each.
    ///
    /// # Errors
    /// As [`Running::encode_pixels_batch`].
    ///
    /// # Panics
    /// As [`Session::encode_batch`].
    pub fn encode_pixels_batch(
        &mut self,
        images: &[&[u8]],
        encodings: &mut [Encoding],
    ) -> Result<(), SessionError> {
        self.0
            .with_dependent_mut(|_, running| running.encode_pixels_batch(images, encodings))
    }

    /// How many images at once are best, where there are many: 1 where several gain nothing.
    #[must_use]
    pub fn images_at_once(&self) -> usize {
        self.0.borrow_dependent().images_at_once()
    }
}
