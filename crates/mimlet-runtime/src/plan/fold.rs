//! Steps with the next one folded in: what a linear layer does with its outputs before they leave
//! the machine's registers.

use super::{BufferId, Plan, Step};
use alloc::vec::Vec;
use mimlet_kernels::Epilogue;

/// A step, and the one after it when that only changes a linear layer's outputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoldedStep {
    /// The step.
    pub step: Step,
    /// What becomes of a linear layer's outputs; of other steps' nothing.
    pub epilogue: Epilogue,
    /// Where a linear layer's outputs go: its own buffer, or the residual stream.
    pub output: Option<BufferId>,
}

impl Plan {
    /// The steps in order, GELU and residual connections folded into the linear layers before them.
    #[must_use]
    pub fn folded(&self) -> Vec<FoldedStep> {
        let mut folded = Vec::new();
        let mut steps = self.steps().iter().peekable();
        while let Some(&step) = steps.next() {
            let own = step.linear_output();
            let (epilogue, output) = match (steps.peek(), own) {
                (Some(Step::Gelu { x, .. }), Some(own)) if *x == own => (Epilogue::Gelu, Some(own)),
                (Some(Step::Residual { branch, x, .. }), Some(own)) if *branch == own => {
                    (Epilogue::Add, Some(*x))
                }
                _ => (Epilogue::Store, own),
            };
            if matches!(epilogue, Epilogue::Gelu | Epilogue::Add) {
                steps.next();
            }
            folded.push(FoldedStep {
                step,
                epilogue,
                output,
            });
        }
        folded
    }
}
