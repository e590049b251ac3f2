//! Many images at once: each thread encodes whole images, so that threads never wait for each other.

use crate::backend::Encoding;
use crate::cpu::Pool;
use crate::encoder::{EncodeError, Encoder};
use crate::plan::PlanError;
use alloc::vec::Vec;
use core::fmt;
use mimlet_format::Model;

/// A model on several threads of the CPU, for throughput: one image takes as long as on one thread,
/// but as many are under way as there are threads. Weights are shared.
///
/// ```
/// use mimlet_format::Model;
/// use mimlet_runtime::{BatchEncoder, Encoding};
///
/// # fn show(bytes: &[u8], photos: &[&[u8]]) -> Result<(), Box<dyn std::error::Error>> {
/// let model = Model::parse(bytes)?;
/// let mut batch = BatchEncoder::on_cpu(&model, 4)?;
/// let mut encodings = vec![Encoding::default(); photos.len()];
/// batch.encode_pixels(photos, &mut encodings)?;
/// # Ok(())
/// # }
/// ```
pub struct BatchEncoder<'m> {
    encoders: Vec<Encoder<'m>>,
    pool: Option<Pool>,
}

impl fmt::Debug for BatchEncoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchEncoder")
            .field("threads", &self.encoders.len())
            .finish_non_exhaustive()
    }
}

impl<'m> BatchEncoder<'m> {
    /// A model on `threads` threads (at least 1; fewer when the system has no more to give).
    ///
    /// # Errors
    /// [`PlanError`]: never for a parsed model.
    pub fn on_cpu(model: &Model<'m>, threads: usize) -> Result<Self, PlanError> {
        let pool = Pool::with_caller(threads);
        let threads = pool.as_ref().map_or(1, Pool::count);
        let encoder = |_| Encoder::on_cpu(model, 1);
        Ok(Self {
            encoders: (0..threads).map(encoder).collect::<Result<_, _>>()?,
            pool,
        })
    }

    /// Encodes images of the model's size, u8 `[height, width, 3]` each, into as many encodings.
    ///
    /// # Errors
    /// As [`Encoder::encode`]; which encodings are filled then is not said.
    ///
    /// # Panics
    /// When there are not as many encodings as images.
    pub fn encode_pixels(
        &mut self,
        images: &[&[u8]],
        encodings: &mut [Encoding],
    ) -> Result<(), EncodeError> {
        self.each(images, encodings, |encoder, image| {
            encoder.encode_pixels(image)
        })
    }

    /// As [`BatchEncoder::encode_pixels`], of f32 `[3, height, width]` each, normalised as the model's
    /// preprocessing says.
    ///
    /// # Errors
    /// As [`BatchEncoder::encode_pixels`].
    ///
    /// # Panics
    /// As [`BatchEncoder::encode_pixels`].
    pub fn encode(
        &mut self,
        images: &[&[f32]],
        encodings: &mut [Encoding],
    ) -> Result<(), EncodeError> {
        self.each(images, encodings, |encoder, image| encoder.encode(image))
    }

    fn each<T: Sync>(
        &mut self,
        images: &[&[T]],
        encodings: &mut [Encoding],
        run: impl for<'e> Fn(&'e mut Encoder<'m>, &[T]) -> Result<&'e Encoding, EncodeError> + Sync,
    ) -> Result<(), EncodeError> {
        assert_eq!(images.len(), encodings.len());
        let share = images.len().div_ceil(self.encoders.len()).max(1);
        let one = |encoder: &mut Encoder<'m>, images: &[&[T]], encodings: &mut [Encoding]| {
            for (image, encoding) in images.iter().zip(encodings) {
                encoding.clone_from(run(encoder, image)?);
            }
            Ok(())
        };
        let Some(pool) = &mut self.pool else {
            return one(&mut self.encoders[0], images, encodings);
        };
        let (images, encodings) = (images.chunks(share), encodings.chunks_mut(share));
        let mut results: Vec<_> = images.clone().map(|_| Ok(())).collect();
        let encoders = self.encoders.iter_mut().zip(&mut results);
        let mut shares = encoders.zip(images.zip(encodings));
        let own = shares.next();
        pool.beside_caller().in_place_scope(|scope| {
            for ((encoder, result), (images, encodings)) in shares {
                scope.spawn(|_| *result = one(encoder, images, encodings));
            }
            if let Some(((encoder, result), (images, encodings))) = own {
                *result = one(encoder, images, encodings);
            }
        });
        results.into_iter().collect()
    }
}
