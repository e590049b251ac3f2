//! mimlet as a contestant: a `.mim` file that passes its acceptance test before any turn.

use super::turns::{Runs, serve as serve_turns};
use super::{Batch, Fault};
use mimlet_format::ModelFile;
use mimlet_runtime::{Encoder, acceptance};
use std::path::Path;

/// Loads, verifies and takes turns.
pub(crate) fn serve(path: &Path, batch: &Batch, threads: usize) -> Result<(), Fault> {
    let file = ModelFile::open(path)?;
    let model = file.model();
    let mut encoder = Encoder::on_cpu(&model, threads)?;
    let verdict = acceptance::run(&model, &mut encoder)?;
    if !verdict.passed() {
        let failures = verdict.failures.join("; ");
        return Err(format!("the file fails its acceptance test: {failures}").into());
    }
    serve_turns(&mut Contestant {
        encoder,
        batch,
        features: Vec::new(),
    })
}

struct Contestant<'m> {
    encoder: Encoder<'m>,
    batch: &'m Batch,
    features: Vec<f32>,
}

impl Runs for Contestant<'_> {
    fn describe(&self) -> String {
        self.encoder.describe()
    }

    fn run(&mut self) -> Result<(), Fault> {
        encode_batch(&mut self.encoder, self.batch, &mut self.features)
    }

    fn features(&self) -> Result<Vec<f32>, Fault> {
        Ok(self.features.clone())
    }
}

/// Features of every image of the batch, `[batch, tokens, dim]`.
fn encode_batch(
    encoder: &mut Encoder<'_>,
    batch: &Batch,
    features: &mut Vec<f32>,
) -> Result<(), Fault> {
    features.clear();
    for image in batch.images() {
        let encoding = encoder.encode(image)?;
        features.extend_from_slice(&encoding.class);
        features.extend_from_slice(&encoding.patches);
    }
    Ok(())
}
