//! A model's tensors as they lie on a GPU: what a pass of more images binds, without the file and without
//! a second copy.

use crate::buffers;
use crate::maker::Maker;
use crate::operands::{Operands, Source, sources};
use crate::tensors::Tensor;
use crate::units::Unit;
use mimlet_kernels::{Operand, Variant};
use mimlet_runtime::Plan;
use std::collections::HashMap;
use std::rc::Rc;

/// The tensors of [`Operands`], in the forms that some work binds already.
#[derive(Debug)]
pub(crate) struct Resident(HashMap<Source, Tensor<'static>>);

impl Resident {
    /// What has been copied to the GPU by now.
    pub(crate) fn of(operands: &Operands<'_>) -> Self {
        let tensors = operands.tensors.iter();
        Self(
            tensors
                .map(|(source, tensor)| (*source, tensor.resident()))
                .collect(),
        )
    }

    /// Bytes on the GPU.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.values().map(Tensor::held_bytes).sum()
    }

    /// Bytes of each of a unit's operands, for so many images.
    pub(crate) fn sizes(&self, plan: &Plan, unit: &Unit, images: u32) -> Vec<u64> {
        let size = |source| match source {
            Source::Buffer(id) => {
                buffers::padded(plan.buffers()[id.index()].bytes() * u64::from(images))
            }
            tensors => self.0[&tensors].bytes(),
        };
        sources(unit).into_iter().map(size).collect()
    }

    /// Whether every tensor that a variant of a unit binds lies on the GPU as it binds it.
    pub(crate) fn suits(&self, unit: &Unit, variant: &Variant) -> bool {
        let sources = sources(unit);
        let tensor = |given: usize| self.0.get(&sources[given]);
        let mut dispatches = variant.dispatches.iter();
        dispatches.all(|dispatch| {
            let mut bound = dispatch.operands.iter().zip(dispatch.kernel.bindings);
            bound.all(|(operand, access)| match operand {
                Operand::Scratch(_) => true,
                Operand::Given(given) => tensor(*given).is_none_or(|t| t.is_whole_as(*access)),
                Operand::Part(index) => {
                    let part = &variant.parts[*index];
                    tensor(part.given).is_none_or(|t| t.has_buffer_of(&part.bytes))
                }
            })
        })
    }

    /// Operands for so many images: new buffers, and these tensors.
    pub(crate) fn operands(
        &self,
        maker: &Maker,
        plan: &Plan,
        units: &[Unit],
        images: u32,
    ) -> Operands<'static> {
        let tensors = self.0.iter();
        Operands {
            buffers: Operands::buffers(maker, plan, units, images),
            tensors: tensors
                .map(|(source, tensor)| (*source, Rc::new(tensor.resident())))
                .collect(),
        }
    }
}
