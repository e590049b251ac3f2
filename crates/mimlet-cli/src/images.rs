//! Many images: read and prepared on all threads, encoded on the chosen backend, in order.

use std::path::Path;

use mimlet_format::Model;
use mimlet_image::Preprocessor;
use mimlet_runtime::{Encoder, Encoding};
use mimlet_session::Rung;

use crate::backend::{Session, Sharing};
use crate::error::Error;
use crate::in_order::in_order;
use crate::output::Output;
use crate::progress::Progress;

/// Fewer images than so many for each thread are encoded one after the other, each on all threads.
const LEAST: usize = 2;

impl<'m> Session<'m> {
    /// Encodes image files and gives `take` each encoding, in order. The first that cannot be read or
    /// encoded ends it.
    ///
    /// Threads of the CPU take whole images, as long as there are enough: shared out, an image would still
    /// be read and prepared by one of them, and the bits are the same. Another device is given images
    /// that are prepared ahead of it.
    ///
    /// # Errors
    /// What is wrong with a file; or when the backend fails and none is left; or those of `take`.
    pub(crate) fn encode_images(
        &mut self,
        model: &Model<'m>,
        preprocessor: &Preprocessor,
        images: &[&Path],
        (output, progress): (Output, &Progress),
        take: &mut dyn FnMut(usize, Encoding) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let prepare = |index: usize| preprocessor.prepare(images[index]);
        let mut next = 0;
        let mut take = |encoding| {
            let taken = take(next, encoding);
            next += 1;
            progress.step();
            taken
        };
        let count = images.len();
        match self.sharing() {
            Sharing::Images(rungs) if count >= LEAST * rungs.len() => {
                let workers = rungs.into_iter().map(Worker::new).collect();
                let encode = |worker: &mut Worker<'m>, index| {
                    let prepared = prepare(index)?;
                    Ok(worker.encoder(model)?.encode(&prepared.input)?.clone())
                };
                let deliver = |encoding: Result<Encoding, Error>| take(encoding?);
                in_order(workers, count, encode, deliver)
            }
            Sharing::Preparation(threads) if count > 1 => {
                let workers = vec![(); threads.min(count)];
                let prepare = |(): &mut (), index| prepare(index);
                in_order(workers, count, prepare, |prepared| {
                    take(self.encode(&prepared?.input, output)?)
                })
            }
            _ => (0..count).try_for_each(|index| {
                let prepared = prepare(index)?;
                take(self.encode(&prepared.input, output)?)
            }),
        }
    }
}

/// A thread's share of the device.
struct Worker<'m> {
    rung: Box<dyn Rung>,
    encoder: Option<Encoder<'m>>,
}

impl<'m> Worker<'m> {
    fn new(rung: Box<dyn Rung>) -> Self {
        Self {
            rung,
            encoder: None,
        }
    }

    /// Its encoder, which it makes itself: that takes as long as an image.
    fn encoder(&mut self, model: &Model<'m>) -> Result<&mut Encoder<'m>, Error> {
        match &mut self.encoder {
            Some(encoder) => Ok(encoder),
            none => Ok(none.insert(self.rung.encoder(model).map_err(Error::new)?)),
        }
    }
}
