//! A model that is kept running: what fails is opened anew, or left for the next best.

use crate::cache::VerdictCache;
use crate::ladder::{Ladder, NothingPasses};
use crate::report::{Report, Standing, Tried};
use crate::rung::Rung;
use crate::session::SessionError;
use crate::trial::{self, guarded};
use mimlet_format::Model;
use mimlet_runtime::{EncodeError, Encoder, Encoding};

/// A model on a rung, kept running.
///
/// When its device fails (a GPU that is lost, or out of memory, or a driver that panics), the device is
/// opened anew and the image encoded there, by the verdict and with the kernels that were found before.
/// When it does not open, or fails again with the same image or images, the rung is left for the best of
/// the others.
#[derive(Debug)]
pub struct Running<'m> {
    model: Model<'m>,
    ladder: Ladder,
    /// `None` once no rung was left.
    encoder: Option<Encoder<'m>>,
    report: Report,
    /// Rungs that were left, and why.
    out: Vec<(usize, String)>,
    failures: Vec<String>,
}

impl<'m> Running<'m> {
    /// A model on the best rung of a ladder.
    ///
    /// # Errors
    /// Nothing on it runs the model right.
    pub fn climb(ladder: Ladder, model: &Model<'m>) -> Result<Self, Box<NothingPasses>> {
        let climbed = ladder.climb(model)?;
        Ok(Self {
            model: model.clone(),
            ladder,
            encoder: Some(climbed.encoder),
            report: climbed.report,
            out: Vec::new(),
            failures: Vec::new(),
        })
    }

    /// A model on one rung that was asked for by name: no test is run, and there is no other rung to go
    /// on with.
    ///
    /// # Errors
    /// Why the rung has no encoder.
    pub fn asked_for(rung: Box<dyn Rung>, model: &Model<'m>) -> Result<Self, String> {
        let standing = Standing {
            name: rung.name(),
            tried: Tried::AskedFor,
            opened_anew: 0,
        };
        Ok(Self {
            model: model.clone(),
            encoder: Some(trial::encoder(&*rung, model)?),
            ladder: Ladder::new(vec![rung], VerdictCache::none()),
            report: Report {
                rungs: vec![standing],
                kept: Some(0),
            },
            out: Vec::new(),
            failures: Vec::new(),
        })
    }

    /// What each rung came to, which one runs, and how often it was opened anew.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The rung that runs.
    #[must_use]
    pub fn rung(&self) -> Option<&dyn Rung> {
        self.report.kept.map(|kept| &*self.ladder.rungs()[kept])
    }

    /// What failed in the last call that encodes, in order; empty when nothing did.
    #[must_use]
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// What runs the steps, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        let encoder = self.encoder.as_ref();
        encoder.map_or_else(|| "nothing".to_owned(), Encoder::describe)
    }

    /// Encodes an image of the model's size: u8 `[height, width, 3]`.
    ///
    /// # Errors
    /// The image has another size; or no rung is left that runs the model right.
    pub fn encode_pixels(&mut self, pixels: &[u8]) -> Result<&Encoding, SessionError> {
        let encoder = self.keep_trying(|encoder| encoder.encode_pixels(pixels).map(|_| ()))?;
        Ok(encoder.encoding())
    }

    /// Encodes an image: f32 `[3, height, width]`, normalised as the model's preprocessing says.
    ///
    /// # Errors
    /// As [`Running::encode_pixels`]; and the image has a value that is not finite.
    pub fn encode(&mut self, image: &[f32]) -> Result<&Encoding, SessionError> {
        let encoder = self.keep_trying(|encoder| encoder.encode(image).map(|_| ()))?;
        Ok(encoder.encoding())
    }

    /// Encodes several images, as [`Running::encode`] takes them, into as many encodings: see
    /// [`Encoder::encode_batch`]. When a device fails, all of them are encoded anew.
    ///
    /// # Errors
    /// As [`Running::encode`].
    ///
    /// # Panics
    /// When there are not as many encodings as images.
    pub fn encode_batch(
        &mut self,
        images: &[&[f32]],
        encodings: &mut [Encoding],
    ) -> Result<(), SessionError> {
        assert_eq!(images.len(), encodings.len());
        self.keep_trying(|encoder| encoder.encode_batch(images, encodings))?;
        Ok(())
    }

    /// As [`Running::encode_batch`], of images as [`Running::encode_pixels`] takes them.
    ///
    /// # Errors
    /// As [`Running::encode_pixels`].
    ///
    /// # Panics
    /// As [`Running::encode_batch`].
    pub fn encode_pixels_batch(
        &mut self,
        images: &[&[u8]],
        encodings: &mut [Encoding],
    ) -> Result<(), SessionError> {
        assert_eq!(images.len(), encodings.len());
        self.keep_trying(|encoder| encoder.encode_pixels_batch(images, encodings))?;
        Ok(())
    }

    /// How many images at once are best where it runs now, where there are many.
    #[must_use]
    pub fn images_at_once(&self) -> usize {
        self.encoder.as_ref().map_or(1, Encoder::images_at_once)
    }

    fn keep_trying(
        &mut self,
        mut encode: impl FnMut(&mut Encoder<'m>) -> Result<(), EncodeError>,
    ) -> Result<&Encoder<'m>, SessionError> {
        self.failures.clear();
        // The rung that was opened anew for this call.
        let mut second = None;
        loop {
            // Taken out, so that what a panic leaves half done is dropped.
            let Some(mut encoder) = self.encoder.take() else {
                self.move_on()?;
                continue;
            };
            // A driver may panic where it should report.
            let reason = match guarded(|| Ok(encode(&mut encoder))) {
                Ok(Err(EncodeError::Backend(error))) => error.to_string(),
                Ok(encoded) => {
                    let encoder = self.encoder.insert(encoder);
                    encoded?;
                    return Ok(encoder);
                }
                Err(panic) => panic,
            };
            // Its memory is free before another asks for some.
            drop(encoder);
            self.failures.push(reason);
            if second == self.report.kept {
                self.leave();
            } else {
                second = self.report.kept;
                self.open_anew();
            }
        }
    }

    /// Opens the same rung again; leaves it when it does not open.
    fn open_anew(&mut self) {
        let Some(kept) = self.report.kept else { return };
        match trial::encoder(&*self.ladder.rungs()[kept], &self.model) {
            Ok(encoder) => {
                self.encoder = Some(encoder);
                self.report.rungs[kept].opened_anew += 1;
            }
            Err(reason) => {
                self.failures.push(reason);
                self.leave();
            }
        }
    }

    /// Leaves the rung that ran, for what failed last.
    fn leave(&mut self) {
        let reason = self.failures.last().cloned();
        self.out.extend(self.report.kept.take().zip(reason));
    }

    /// Moves to the best of the rungs that were not left.
    fn move_on(&mut self) -> Result<(), Box<NothingPasses>> {
        let climbed = self.ladder.climb_without(&self.model, &self.out)?;
        self.encoder = Some(climbed.encoder);
        let before = std::mem::replace(&mut self.report, climbed.report);
        for (standing, before) in self.report.rungs.iter_mut().zip(before.rungs) {
            standing.opened_anew = before.opened_anew;
        }
        Ok(())
    }
}
