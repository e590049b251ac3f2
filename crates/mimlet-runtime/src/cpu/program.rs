//! A plan as the CPU runs it: segments of steps that need no other row's results, with the steps that
//! follow a linear layer folded into it.

use super::weights::Weights;
use crate::plan::{BufferId, FoldedStep, Plan, PlanError, Step};
use alloc::vec::Vec;
use mimlet_format::Model;
use mimlet_kernels::{Epilogue, attention};

/// A step with its tensors and what is done with its outputs as they are written.
#[derive(Debug)]
pub(super) struct Op<'m> {
    pub(super) step: Step,
    pub(super) weights: Weights<'m>,
    pub(super) epilogue: Epilogue,
    /// Where a linear layer's outputs go: its own buffer, or the residual stream.
    pub(super) output: Option<BufferId>,
}

/// Steps that a block of rows runs through on its own. All blocks finish a segment before any starts
/// the next: attention, a segment's first step, sees every row's keys and values.
#[derive(Debug)]
pub(super) struct Segment<'m> {
    pub(super) ops: Vec<Op<'m>>,
    /// What the segment leaves for the next one's attention.
    pub(super) packs: Option<Packs>,
}

/// Keys and values that are packed at a segment's end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packs {
    pub(super) params: attention::Params,
    pub(super) qkv: BufferId,
}

/// The segments of a plan.
pub(super) fn segments<'m>(
    model: &Model<'m>,
    plan: &Plan,
    level: mimlet_kernels::Level,
) -> Result<Vec<Segment<'m>>, PlanError> {
    let mut segments = Vec::from([Segment {
        ops: Vec::new(),
        packs: None,
    }]);
    for FoldedStep {
        step,
        epilogue,
        output,
    } in plan.folded()
    {
        let op = Op {
            step,
            weights: Weights::of(model, &step, level)?,
            epilogue,
            output,
        };
        if let Step::Attention { params, qkv, .. } = step {
            if let Some(last) = segments.last_mut() {
                last.packs = Some(Packs { params, qkv });
            }
            segments.push(Segment {
                ops: Vec::new(),
                packs: None,
            });
        }
        if let Some(last) = segments.last_mut() {
            last.ops.push(op);
        }
    }
    Ok(segments)
}
