//! What a GPU has variants for: the steps of a plan, but the quantisation of rows as one with the layer
//! that reads them. A variant is free to do both in one dispatch. Patches that are only embedded are not cut
//! out: embedding finds them in the image.

use mimlet_kernels::{Variant, linear_q4, linear_q8};
use mimlet_runtime::{BufferId, FoldedStep, Plan, Step};

/// A step of [`Plan::folded`], or two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Unit {
    pub(crate) folded: FoldedStep,
    /// The rows of floats that a layer of integers quantises for itself, in a step of their own before
    /// the layer's.
    pub(crate) floats: Option<BufferId>,
    /// Steps of [`Plan::folded`] that this is.
    pub(crate) steps: usize,
}

impl Unit {
    /// The units of a plan, in order.
    pub(crate) fn of(plan: &Plan) -> Vec<Self> {
        let mut units = Vec::new();
        let mut folded = plan.folded().into_iter().peekable();
        while let Some(step) = folded.next() {
            let next = folded.next_if(|next| takes_over(plan, &step.step, &next.step));
            let floats = match (step.step, next) {
                (Step::QuantizeRows { x, .. }, Some(_)) => Some(x),
                _ => None,
            };
            units.push(Self {
                folded: next.unwrap_or(step),
                floats,
                steps: 1 + usize::from(next.is_some()),
            });
        }
        units
    }

    /// The ways to run it for so many images at once; the first runs on every GPU.
    pub(crate) fn variants(&self, images: u32) -> Vec<Variant> {
        let all = |rows: &u32| rows * images;
        let FoldedStep { step, epilogue, .. } = &self.folded;
        match (step, self.floats) {
            (Step::LinearQ8 { params, rows, .. }, Some(_)) => {
                linear_q8::quantizing_variants(params, all(rows), *epilogue)
            }
            (Step::LinearQ4 { params, rows, .. }, Some(_)) => {
                linear_q4::quantizing_variants(params, all(rows), *epilogue)
            }
            _ => step.variants(*epilogue, images),
        }
    }

    /// Whether the first of them takes its weight at once, where a GPU can bind it.
    pub(crate) fn may_be_whole(&self) -> bool {
        let weight = self.folded.step.panel_weight();
        weight.is_none_or(|(_, weight)| weight.may_be_whole())
    }

    /// The first of them with its weight in parts that a GPU can bind; `None` where it has none, or a panel
    /// of it is too large.
    pub(crate) fn in_parts(&self, max_binding_bytes: u64, images: u32) -> Option<Variant> {
        let (_, weight) = self.folded.step.panel_weight()?;
        weight.in_parts(self.variants(images).first()?, max_binding_bytes)
    }
}

/// Whether a step needs nothing of the one before it, which makes what nobody else reads.
fn takes_over(plan: &Plan, before: &Step, step: &Step) -> bool {
    match (before, step) {
        (
            Step::QuantizeRows { quantized, .. },
            Step::LinearQ8 { x, .. } | Step::LinearQ4 { x, .. },
        ) => x == quantized,
        (Step::Patchify { patches, .. }, Step::PatchEmbed { .. }) => {
            // A codebook of pixels reads them.
            let tokenizes =
                |step: &Step| matches!(step, Step::NearestCentroid { x, .. } if x == patches);
            !plan.steps().iter().any(tokenizes)
        }
        _ => false,
    }
}
