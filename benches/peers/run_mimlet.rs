//! mimlet as a contestant: a `.mim` file that passes its acceptance test before any turn. One image is
//! shared out among the threads; of a batch each thread takes whole images.

use super::turns::{Runs, serve as serve_turns};
use super::{Batch, Fault};
use mimlet_format::ModelFile;
use mimlet_runtime::{BatchEncoder, Encoder, Encoding, acceptance};
use std::path::Path;

/// Loads, verifies and takes turns.
pub(crate) fn serve(path: &Path, batch: &Batch, threads: usize) -> Result<(), Fault> {
    let file = ModelFile::open(path)?;
    let model = file.model();
    let images: Vec<&[f32]> = batch.images().collect();
    let mut encoder = Encoder::on_cpu(&model, threads)?;
    let verdict = acceptance::run(&model, &mut encoder)?;
    if !verdict.passed() {
        let failures = verdict.failures.join("; ");
        return Err(format!("the file fails its acceptance test: {failures}").into());
    }
    serve_turns(&mut Contestant {
        describe: encoder.describe(),
        encodings: vec![Encoding::default(); images.len()],
        runner: match images.len() {
            1 => Runner::One(encoder),
            _ => Runner::Batch(BatchEncoder::on_cpu(&model, threads)?),
        },
        images,
    })
}

struct Contestant<'m> {
    describe: String,
    runner: Runner<'m>,
    images: Vec<&'m [f32]>,
    encodings: Vec<Encoding>,
}

enum Runner<'m> {
    One(Encoder<'m>),
    Batch(BatchEncoder<'m>),
}

impl Runs for Contestant<'_> {
    fn describe(&self) -> String {
        self.describe.clone()
    }

    fn run(&mut self) -> Result<(), Fault> {
        match &mut self.runner {
            Runner::One(encoder) => self.encodings[0].clone_from(encoder.encode(self.images[0])?),
            Runner::Batch(batch) => batch.encode(&self.images, &mut self.encodings)?,
        }
        Ok(())
    }

    /// Features of every image of the batch, `[batch, tokens, dim]`.
    fn features(&self) -> Result<Vec<f32>, Fault> {
        let rows =
            |encoding: &Encoding| [encoding.class.clone(), encoding.patches.clone()].concat();
        Ok(self.encodings.iter().flat_map(rows).collect())
    }
}
