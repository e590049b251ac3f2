//! What a unit's kernels bind: the plan's buffers and the model's tensors.

use crate::buffers;
use crate::error::WgpuError;
use crate::maker::Maker;
use crate::tensors::Tensor;
use crate::units::Unit;
use mimlet_format::{Model, TensorRole};
use mimlet_runtime::{BufferId, Plan, Step};
use std::collections::HashMap;
use std::rc::Rc;
use wgpu::Buffer;

/// What one operand of a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    Buffer(BufferId),
    Tensor(TensorRole),
    /// Two tensors one after the other: kernels have few bindings.
    Pair(TensorRole, TensorRole),
}

/// The sources of a unit's operands, in the order an op's first kernel binds them.
pub(crate) fn sources(unit: &Unit) -> Vec<Source> {
    use Source::{Buffer as B, Pair, Tensor as T};
    let folded = &unit.folded;
    match folded.step {
        Step::Patchify { image, patches, .. } => vec![B(image), B(patches)],
        Step::PatchEmbed {
            image,
            weight,
            table,
            out,
            ..
        } => vec![B(image), T(weight), T(table), B(out)],
        Step::LayerNorm {
            x, weight, bias, y, ..
        } => vec![B(x), Pair(weight, bias), B(y)],
        Step::QuantizeRows { x, quantized, .. } => vec![B(x), B(quantized)],
        Step::Linear {
            x, weight, bias, y, ..
        } => vec![B(x), T(weight), T(bias), B(folded.output.unwrap_or(y))],
        Step::LinearQ8 {
            x,
            weight,
            scale,
            bias,
            y,
            ..
        }
        | Step::LinearQ4 {
            x,
            weight,
            scale,
            bias,
            y,
            ..
        } => {
            let y = folded.output.unwrap_or(y);
            let x = unit.floats.unwrap_or(x);
            vec![B(x), T(weight), Pair(scale, bias), B(y)]
        }
        Step::Attention { qkv, out, .. } => vec![B(qkv), B(out)],
        Step::Gelu { x, .. } => vec![B(x)],
        Step::Residual { branch, x, .. } => vec![B(branch), B(x)],
        Step::NearestCentroid {
            x,
            centroids,
            scale,
            tokens,
            distances,
            ..
        } => {
            let centroids = scale.map_or(T(centroids), |scale| Pair(centroids, scale));
            vec![B(x), centroids, B(tokens), B(distances)]
        }
    }
}

/// An operand on the GPU.
#[derive(Debug, Clone)]
pub(crate) enum Held<'m> {
    /// Read and written: as a texture it is copied first.
    Buffer(Buffer),
    /// Written once.
    Tensor(Rc<Tensor<'m>>),
}

impl Held<'_> {
    /// Bytes of all of it.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Buffer(buffer) => buffer.size(),
            Self::Tensor(tensor) => tensor.bytes(),
        }
    }
}

/// The operands of a plan's units.
#[derive(Debug)]
pub(crate) struct Operands<'m> {
    pub(crate) buffers: HashMap<BufferId, Buffer>,
    pub(crate) tensors: HashMap<Source, Rc<Tensor<'m>>>,
}

impl<'m> Operands<'m> {
    /// Allocates the buffers of a plan that its units bind, for one image, and finds the model's tensors.
    pub(crate) fn new(
        maker: &Maker,
        model: &Model<'m>,
        plan: &Plan,
        units: &[Unit],
    ) -> Result<Self, WgpuError> {
        let mut tensors = HashMap::new();
        for source in units.iter().flat_map(sources) {
            let roles = match source {
                Source::Buffer(_) => continue,
                Source::Tensor(role) => vec![role],
                Source::Pair(first, second) => vec![first, second],
            };
            tensors.insert(source, Rc::new(Tensor::find(model, &roles)?));
        }
        Ok(Self {
            buffers: Self::buffers(maker, plan, units, 1),
            tensors,
        })
    }

    /// The buffers of a plan that its units bind, for so many images.
    pub(crate) fn buffers(
        maker: &Maker,
        plan: &Plan,
        units: &[Unit],
        images: u32,
    ) -> HashMap<BufferId, Buffer> {
        let mut buffers = HashMap::new();
        for (_, id) in units.iter().flat_map(Self::buffers_of) {
            let spec = &plan.buffers()[id.index()];
            let bytes = spec.bytes() * u64::from(images);
            let make = || buffers::storage(maker, spec.name, bytes);
            buffers.entry(id).or_insert_with(make);
        }
        buffers
    }

    /// A buffer of the plan that some unit binds.
    pub(crate) fn buffer(&self, id: BufferId) -> &Buffer {
        &self.buffers[&id]
    }

    /// The operands of a unit of the plan this was made for.
    pub(crate) fn of(&self, unit: &Unit) -> Vec<Held<'m>> {
        let find = |source| match source {
            Source::Buffer(id) => Held::Buffer(self.buffer(id).clone()),
            tensors => Held::Tensor(Rc::clone(&self.tensors[&tensors])),
        };
        sources(unit).into_iter().map(find).collect()
    }

    /// The buffers of the plan among a unit's operands, by their positions.
    pub(crate) fn buffers_of(unit: &Unit) -> Vec<(usize, BufferId)> {
        let buffer = |(index, source)| match source {
            Source::Buffer(id) => Some((index, id)),
            _ => None,
        };
        let sources = sources(unit).into_iter().enumerate();
        sources.filter_map(buffer).collect()
    }

    /// Lets go of every copy of a tensor.
    pub(crate) fn drop_copies(&self) {
        for tensor in self.tensors.values() {
            tensor.drop_copies();
        }
    }

    /// Bytes on the GPU.
    pub(crate) fn bytes(&self) -> u64 {
        let buffers = self.buffers.values().map(Buffer::size);
        let tensors = self.tensors.values().map(|tensor| tensor.held_bytes());
        buffers.chain(tensors).sum()
    }
}
