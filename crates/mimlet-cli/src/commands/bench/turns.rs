//! The golden images in batches, timed turn by turn.

use std::time::Instant;

use mimlet_format::Model;
use mimlet_runtime::acceptance::{Examination, Verdict, golden_images};
use mimlet_runtime::{Encoder, Encoding};

use crate::error::Error;

/// The golden images, as many at once as are asked for.
#[derive(Debug)]
pub(super) struct Turns<'m> {
    batches: Vec<Vec<&'m [u8]>>,
    /// What became of each batch when it was verified.
    verified: Vec<Vec<Encoding>>,
    /// Of the turn that is timed.
    encodings: Vec<Encoding>,
}

impl<'m> Turns<'m> {
    /// In batches of `size`; the last goes on with the first images.
    pub(super) fn new(model: &Model<'m>, size: usize) -> Self {
        let images = golden_images(model);
        let starts = (0..images.len()).step_by(size);
        let batch = |start| {
            images
                .iter()
                .copied()
                .cycle()
                .skip(start)
                .take(size)
                .collect()
        };
        Self {
            batches: starts.map(batch).collect(),
            verified: Vec::new(),
            encodings: vec![Encoding::default(); size],
        }
    }

    /// Runs the acceptance test with these batches, and keeps what it saw.
    ///
    /// # Errors
    /// The backend fails.
    pub(super) fn verify(
        &mut self,
        model: &Model<'_>,
        encoder: &mut Encoder<'_>,
    ) -> Result<Verdict, Error> {
        let mut examination = Examination::new(model);
        let mut left = model.manifest().acceptance.images as usize;
        for index in 0..self.batches.len() {
            let encodings = self.encode(encoder, index)?.to_vec();
            for encoding in encodings.iter().take(left) {
                examination.add(encoding);
            }
            left = left.saturating_sub(encodings.len());
            self.verified.push(encodings);
        }
        Ok(examination.verdict(encoder.describe()))
    }

    /// How long the next batch of a run of so many takes, milliseconds; `None` when it did not give what
    /// it gave when it was verified. That is found out after the time is taken.
    ///
    /// # Errors
    /// The backend fails.
    pub(super) fn time(
        &mut self,
        encoder: &mut Encoder<'_>,
        run: usize,
    ) -> Result<Option<f64>, Error> {
        let index = run % self.batches.len();
        let start = Instant::now();
        self.encode(encoder, index)?;
        let ms = super::run::milliseconds(start);
        let same = match self.verified[index].as_slice() {
            [one] => encoder.encoding() == one,
            several => self.encodings == several,
        };
        Ok(same.then_some(ms))
    }

    /// What became of a batch. One image is encoded in place.
    fn encode<'e>(
        &'e mut self,
        encoder: &'e mut Encoder<'_>,
        index: usize,
    ) -> Result<&'e [Encoding], Error> {
        match self.batches[index].as_slice() {
            [image] => Ok(std::slice::from_ref(encoder.encode_pixels(image)?)),
            images => {
                encoder.encode_pixels_batch(images, &mut self.encodings)?;
                Ok(&self.encodings)
            }
        }
    }
}
