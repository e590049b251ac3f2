//! What a GPU has variants for: the steps of a plan, but the quantisation of rows as one with the layer
//! that reads them, and the cutting of patches as one with their embedding. A variant is free to do both
//! in one dispatch.

use mimlet_kernels::{Variant, linear_q4, linear_q8, patch_embed, patchify};
use mimlet_runtime::{BufferId, FoldedStep, Plan, Step};

/// A step of [`Plan::folded`], or two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Unit {
    pub(crate) folded: FoldedStep,
    /// What is read in the place of what the step before would make of it.
    pub(crate) raw: Option<Raw>,
}

/// What a step makes ready for the next one, before it does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Raw {
    /// Rows of floats, for a layer of integers.
    Floats(BufferId),
    /// An image, for the embedding of its patches.
    Image(BufferId, patchify::Params),
}

impl Raw {
    /// Where it is.
    pub(crate) fn buffer(self) -> BufferId {
        match self {
            Self::Floats(buffer) | Self::Image(buffer, _) => buffer,
        }
    }
}

impl Unit {
    /// The units of a plan, in order.
    pub(crate) fn of(plan: &Plan) -> Vec<Self> {
        let mut units = Vec::new();
        let mut folded = plan.folded().into_iter().peekable();
        while let Some(step) = folded.next() {
            let next = folded.next_if(|next| raw(plan, &step.step, &next.step).is_some());
            units.push(match next {
                Some(folded) => Self {
                    folded,
                    raw: raw(plan, &step.step, &folded.step),
                },
                None => Self {
                    folded: step,
                    raw: None,
                },
            });
        }
        units
    }

    /// Steps of [`Plan::folded`] that this is.
    pub(crate) fn steps(&self) -> usize {
        1 + usize::from(self.raw.is_some())
    }

    /// The ways to run it; the first runs on every GPU.
    pub(crate) fn variants(&self) -> Vec<Variant> {
        let FoldedStep { step, epilogue, .. } = &self.folded;
        match (step, self.raw) {
            (Step::LinearQ8 { params, rows, .. }, Some(_)) => {
                linear_q8::quantizing_variants(params, *rows, *epilogue)
            }
            (Step::LinearQ4 { params, rows, .. }, Some(_)) => {
                linear_q4::quantizing_variants(params, *rows, *epilogue)
            }
            (Step::PatchEmbed { params, .. }, Some(Raw::Image(_, image))) => {
                patch_embed::variants_of_image(params, &image)
            }
            _ => step.variants(*epilogue),
        }
    }

    /// The first of them with its weight in parts that a GPU can bind; `None` where it has none, or a panel
    /// of it is too large.
    pub(crate) fn in_parts(&self, max_binding_bytes: u64) -> Option<Variant> {
        let (_, weight) = self.folded.step.panel_weight()?;
        weight.in_parts(self.variants().first()?, max_binding_bytes)
    }
}

/// What a step would leave undone, were it one with the next; `None` where it cannot be.
fn raw(plan: &Plan, step: &Step, next: &Step) -> Option<Raw> {
    match (step, next) {
        (
            Step::QuantizeRows { x, quantized, .. },
            Step::LinearQ8 { x: rows, .. } | Step::LinearQ4 { x: rows, .. },
        ) => (rows == quantized).then_some(Raw::Floats(*x)),
        (
            Step::Patchify {
                params,
                image,
                patches,
            },
            Step::PatchEmbed { patches: rows, .. },
        ) => {
            // A codebook of pixels reads them, too.
            let tokenizes =
                |step: &Step| matches!(step, Step::NearestCentroid { x, .. } if x == patches);
            let are_read = plan.steps().iter().any(tokenizes);
            (rows == patches && !are_read).then_some(Raw::Image(*image, *params))
        }
        _ => None,
    }
}
