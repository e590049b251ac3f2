//! tract as a contestant, as it optimises the graph itself; more than one thread means its own
//! multi-threaded matrix products.

use super::turns::Runs;
use super::{Batch, Fault};
use std::path::Path;
use std::sync::Arc;
use tract_linalg::multithread::{Executor, set_default_executor};
use tract_onnx::prelude::*;

/// A graph with its input.
pub(crate) struct Contestant {
    model: Arc<TypedRunnableModel>,
    input: Tensor,
    threads: usize,
    output: Option<TValue>,
}

impl Contestant {
    /// Loads an ONNX file. The threads are those of the whole process.
    pub(crate) fn new(path: &Path, batch: &Batch, threads: usize) -> Result<Self, Fault> {
        if threads > 1 {
            set_default_executor(Executor::multithread(threads));
        }
        let load = || {
            onnx()
                .model_for_path(path)?
                .into_optimized()?
                .into_runnable()
        };
        let model = load().map_err(|error| format!("{error:#}"))?;
        let input = Tensor::from_shape(&batch.shape(), &batch.values)?;
        Ok(Self {
            model,
            input,
            threads,
            output: None,
        })
    }
}

impl Runs for Contestant {
    fn describe(&self) -> String {
        format!("tract-onnx, threads: {}", self.threads)
    }

    fn run(&mut self) -> Result<(), Fault> {
        let outputs = self.model.run(tvec!(self.input.clone().into()))?;
        self.output = outputs.into_iter().next();
        Ok(())
    }

    fn features(&self) -> Result<Vec<f32>, Fault> {
        let output = self.output.as_ref().ok_or("nothing has run")?;
        Ok(output.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
    }
}
