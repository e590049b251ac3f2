//! rten as a contestant: weights packed when the model is loaded, a thread pool of its own.

use super::turns::Runs;
use super::{Batch, Fault};
use rten::{Model, ModelOptions, RunOptions, ThreadPool, Value, ValueView};
use std::path::Path;
use std::sync::Arc;

/// A graph with its input.
pub(crate) struct Contestant {
    model: Model,
    batch: Batch,
    pool: Arc<ThreadPool>,
    threads: usize,
    output: Option<Value>,
}

impl Contestant {
    /// Loads an ONNX file.
    pub(crate) fn new(path: &Path, batch: Batch, threads: usize) -> Result<Self, Fault> {
        let mut options = ModelOptions::with_all_ops();
        options.prepack_weights(true);
        Ok(Self {
            model: options.load_file(path)?,
            batch,
            pool: Arc::new(ThreadPool::with_num_threads(threads)),
            threads,
            output: None,
        })
    }
}

impl Runs for Contestant {
    fn describe(&self) -> String {
        format!("rten, weights packed at load, threads: {}", self.threads)
    }

    fn run(&mut self) -> Result<(), Fault> {
        let input = ValueView::from_shape(self.batch.shape(), &self.batch.values)?;
        let options = RunOptions::default().with_thread_pool(Some(self.pool.clone()));
        self.output = Some(self.model.run_one(input.into(), Some(options))?);
        Ok(())
    }

    fn features(&self) -> Result<Vec<f32>, Fault> {
        let output = self.output.clone().ok_or("nothing has run")?;
        let tensor = output.into_tensor::<f32>().ok_or("the output is no f32")?;
        Ok(tensor.into_data())
    }
}
