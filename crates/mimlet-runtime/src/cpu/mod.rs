//! The CPU backend: walks the plan, sharing each step's rows out among threads.

mod threads;
mod weights;
mod workspace;

use crate::backend::{Backend, BackendError, Encoding};
use crate::plan::{BufferId, Plan, PlanError, Step};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use mimlet_format::Model;
use mimlet_kernels::Level;
pub(crate) use weights::centroids_of;

use threads::Threads;
use weights::Weights;
use workspace::Workspace;

/// Runs a plan on the CPU. Weights stay where the file has them; buffers and scratch are allocated
/// once.
pub struct CpuBackend<'m> {
    threads: Threads,
    steps: Vec<(Step, Weights<'m>)>,
    workspace: Workspace,
    image: BufferId,
    features: BufferId,
    tokens: Option<(BufferId, BufferId)>,
}

impl fmt::Debug for CpuBackend<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CpuBackend")
            .field("steps", &self.steps.len())
            .field("describe", &self.describe())
            .finish_non_exhaustive()
    }
}

impl<'m> CpuBackend<'m> {
    /// A backend for a model and its plan, on `threads` threads (at least 1; without `std` always
    /// 1).
    ///
    /// # Errors
    /// [`PlanError`] when the plan is another model's.
    pub fn new(
        model: &Model<'m>,
        plan: &Plan,
        level: Level,
        threads: usize,
    ) -> Result<Self, PlanError> {
        let threads = Threads::new(threads);
        let step = |step: &Step| Ok((*step, Weights::of(model, step)?));
        Ok(Self {
            steps: plan.steps().iter().map(step).collect::<Result<_, _>>()?,
            workspace: Workspace::new(plan, level, threads.count()),
            threads,
            image: plan.image(),
            features: plan.features(),
            tokens: plan.tokens(),
        })
    }
}

impl Backend for CpuBackend<'_> {
    fn describe(&self) -> String {
        let threads = self.threads.count();
        let plural = if threads == 1 { "" } else { "s" };
        format!(
            "cpu {}, {threads} thread{plural}",
            self.workspace.level().name()
        )
    }

    fn run(&mut self, image: &[f32], encoding: &mut Encoding) -> Result<(), BackendError> {
        let Self {
            threads,
            steps,
            workspace,
            ..
        } = self;
        workspace.floats_mut(self.image).copy_from_slice(image);
        // One entry into the pool an image: its threads then share each step without waking anew.
        threads.enter(|| {
            for (step, weights) in steps.iter() {
                workspace.step(threads, step, weights);
            }
        });
        let tokens = self
            .tokens
            .map(|(tokens, distances)| (workspace.words(tokens), workspace.floats(distances)));
        encoding.fill(workspace.floats(self.features), tokens);
        Ok(())
    }
}
