//! A plan on the CPU a step at a time: what a GPU's steps are held to on real weights and shapes.

use super::block::{Block, Image, Shared, zeros};
use super::program::{Op, Packs, segments};
use super::{packed_words, scratch_words};
use crate::plan::{BufferId, Plan, PlanError, Step};
use alloc::vec::Vec;
use core::fmt;
use mimlet_format::{AlignedBytes, Model};
use mimlet_kernels::Level;

/// Runs the steps of [`Plan::folded`] one by one and shows every buffer between them. Attention and patches
/// are of floats, as on a GPU, also where layers of integers follow.
pub struct CpuStepper<'m> {
    level: Level,
    ops: Vec<Op<'m>>,
    image: Vec<f32>,
    block: Block,
    scratch: AlignedBytes,
    next: usize,
}

impl fmt::Debug for CpuStepper<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CpuStepper")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl<'m> CpuStepper<'m> {
    /// A model before its first step on an image, f32 `[3, height, width]`.
    ///
    /// # Errors
    /// [`PlanError`] when the plan is another model's.
    pub fn new(model: &Model<'m>, plan: &Plan, image: Vec<f32>) -> Result<Self, PlanError> {
        let level = Level::detect();
        let tokens = plan.config().tokens() as usize;
        let segments = segments(model, plan, level)?;
        let mut ops: Vec<Op<'m>> = segments.into_iter().flat_map(|s| s.ops).collect();
        for op in &mut ops {
            match &mut op.step {
                Step::Attention { params, .. } => params.exact = false,
                Step::Patchify { short, .. } => *short = false,
                _ => {}
            }
        }
        let steps = || ops.iter().map(|op| &op.step);
        Ok(Self {
            level,
            block: Block::new(plan, 0..tokens, packed_words(steps(), tokens)),
            scratch: zeros(scratch_words(level, steps(), tokens)),
            ops,
            image,
            next: 0,
        })
    }

    /// Runs the next step.
    ///
    /// # Panics
    /// When there is none.
    pub fn step(&mut self) {
        let op = &self.ops[self.next];
        if let Step::Attention { params, qkv, .. } = op.step {
            self.block.pack(self.level, Packs { params, qkv });
        }
        let shared = Shared {
            level: self.level,
            image: Image::Floats(&self.image),
            packed: &[],
            block_rows: self.block.tokens.len(),
        };
        let scratch = bytemuck::cast_slice_mut(&mut self.scratch);
        self.block.step(op, shared, scratch);
        self.next += 1;
    }

    /// The words of a buffer of the plan at this point; none of the image's.
    #[must_use]
    pub fn words(&self, id: BufferId) -> &[u32] {
        self.block.words(id)
    }
}
