//! A model file, open and running.

use crate::ladder::{Ladder, NothingPasses};
use crate::report::Report;
use crate::trial::guarded;
use mimlet_format::{Model, ModelFile, OpenError};
use mimlet_runtime::{EncodeError, Encoder, Encoding};
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

/// A model file on the fastest backend that passes its acceptance test.
///
/// When the backend fails while it runs (a GPU that is lost, or out of memory), the session tries the
/// rungs that are left, and encodes the image there: [`Session::report`] then says what happened.
pub struct Session {
    ladder: Ladder,
    running: Running,
    report: Report,
    /// Rungs that failed since the session was opened, and why.
    out: Vec<(usize, String)>,
}

self_cell!(
    /// The file, and the encoder that borrows it.
    struct Running {
        owner: ModelFile,
        #[covariant]
        dependent: Encoder,
    }
);

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("ladder", &self.ladder)
            .field("report", &self.report)
            .finish_non_exhaustive()
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
        let mut report = Report::default();
        let running = Running::try_new(file, |file| {
            let climbed = ladder.climb(&file.model())?;
            report = climbed.report;
            Ok::<_, Box<NothingPasses>>(climbed.encoder)
        })?;
        Ok(Self {
            ladder,
            running,
            report,
            out: Vec::new(),
        })
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> Model<'_> {
        self.running.borrow_owner().model()
    }

    /// What each rung came to, and which one runs.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Encodes an image of the model's size: u8 `[height, width, 3]`.
    ///
    /// # Errors
    /// The image has another size; or no rung is left that runs the model right.
    pub fn encode_pixels(&mut self, pixels: &[u8]) -> Result<&Encoding, SessionError> {
        self.attempt(|encoder| encoder.encode_pixels(pixels).map(|_| ()))
    }

    /// Encodes an image: f32 `[3, height, width]`, normalised as the model's preprocessing says.
    ///
    /// # Errors
    /// As [`Session::encode_pixels`]; and the image has a value that is not finite.
    pub fn encode(&mut self, image: &[f32]) -> Result<&Encoding, SessionError> {
        self.attempt(|encoder| encoder.encode(image).map(|_| ()))
    }

    fn attempt(
        &mut self,
        encode: impl Fn(&mut Encoder<'_>) -> Result<(), EncodeError>,
    ) -> Result<&Encoding, SessionError> {
        loop {
            let result = self.running.with_dependent_mut(|_, encoder| {
                // A driver may panic where it should report.
                guarded(|| Ok(encode(encoder)))
            });
            let reason = match result {
                Ok(Err(EncodeError::Backend(error))) => error.to_string(),
                Ok(Err(error)) => return Err(error.into()),
                Ok(Ok(())) => return Ok(self.running.borrow_dependent().encoding()),
                Err(panic) => panic,
            };
            self.leave_rung(reason)?;
        }
    }

    /// Moves to the best of the rungs that have not failed.
    fn leave_rung(&mut self, reason: String) -> Result<(), Box<NothingPasses>> {
        if let Some(kept) = self.report.kept {
            self.out.push((kept, reason));
        }
        let (ladder, out) = (&self.ladder, &self.out);
        let report = self.running.with_dependent_mut(|file, encoder| {
            let climbed = ladder.climb_without(&file.model(), out)?;
            *encoder = climbed.encoder;
            Ok::<_, Box<NothingPasses>>(climbed.report)
        })?;
        self.report = report;
        Ok(())
    }
}
