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

/// Fewer images than so many times what another device likes at once are given to it one by one: for several
/// at once it compiles its kernels anew, and holds the first to what each is alone.
const WORTH_IT: usize = 4;

impl<'m> Session<'m> {
    /// Encodes image files and gives `take` each encoding, in order. The first that cannot be read or
    /// encoded ends it.
    ///
    /// Threads of the CPU take whole images, as long as there are enough: shared out, an image would still
    /// be read and prepared by one of them, and the bits are the same. Another device is given images
    /// that are prepared ahead of it, where there are many as many at once as it likes.
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
                let mut groups = Groups::of(count);
                let at_once = |session: &Self| match session.images_at_once() {
                    liked if count >= WORTH_IT * liked => liked,
                    _ => 1,
                };
                in_order(workers, count, prepare, |prepared| {
                    let Some(group) = groups.add(prepared?, at_once(self)) else {
                        return Ok(());
                    };
                    let inputs: Vec<&[f32]> = group.iter().map(|image| &*image.input).collect();
                    let encodings = self.encode_batch(&inputs, output)?;
                    encodings.into_iter().try_for_each(&mut take)
                })
            }
            _ => (0..count).try_for_each(|index| {
                let prepared = prepare(index)?;
                take(self.encode(&prepared.input, output)?)
            }),
        }
    }
}

/// Images that wait for others.
struct Groups<T> {
    waiting: Vec<T>,
    /// To come.
    left: usize,
}

impl<T> Groups<T> {
    /// Of so many images.
    fn of(count: usize) -> Self {
        Self {
            waiting: Vec::new(),
            left: count,
        }
    }

    /// Those that wait no longer once this one has come: `at_once`, or what is left at the end.
    fn add(&mut self, image: T, at_once: usize) -> Option<Vec<T>> {
        self.waiting.push(image);
        self.left -= 1;
        let enough = self.left == 0 || self.waiting.len() >= at_once;
        enough.then(|| std::mem::take(&mut self.waiting))
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

#[cfg(test)]
mod tests {
    use super::Groups;

    #[test]
    fn images_wait_for_as_many_as_are_wanted_and_for_none_after_the_last() {
        let mut groups = Groups::of(9);
        // Where fewer are wanted from some image on, as another device took over.
        let group = |index| groups.add(index, if index < 5 { 4 } else { 3 });
        let given: Vec<Vec<usize>> = (0..9).filter_map(group).collect();
        assert_eq!(given, [vec![0, 1, 2, 3], vec![4, 5, 6], vec![7, 8]]);
    }
}
