//! What a step binds: the plan's buffers and the model's tensors.

use crate::buffers::{self, Uploader};
use crate::error::WgpuError;
use crate::gpu::Gpu;
use mimlet_format::{Model, TensorRole};
use mimlet_runtime::{BufferId, Plan, PlanError, Step};
use std::collections::HashMap;
use wgpu::Buffer;

/// What one binding of a kernel is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Source {
    Buffer(BufferId),
    Tensor(TensorRole),
    /// Two tensors one after the other: kernels have few bindings.
    Pair(TensorRole, TensorRole),
}

/// The sources of a step's bindings, in the order its kernel declares them.
fn sources(step: &Step) -> Vec<Source> {
    use Source::{Buffer as B, Pair, Tensor as T};
    match *step {
        Step::Patchify { image, patches, .. } => vec![B(image), B(patches)],
        Step::PatchEmbed {
            patches,
            weight,
            table,
            out,
            ..
        } => {
            vec![B(patches), T(weight), T(table), B(out)]
        }
        Step::LayerNorm {
            x, weight, bias, y, ..
        } => vec![B(x), Pair(weight, bias), B(y)],
        Step::QuantizeRows { x, quantized, .. } => vec![B(x), B(quantized)],
        Step::Linear {
            x, weight, bias, y, ..
        } => vec![B(x), T(weight), T(bias), B(y)],
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

/// The plan's buffers and the model's tensors on the GPU.
#[derive(Debug)]
pub(crate) struct Resident {
    buffers: Vec<Buffer>,
    tensors: HashMap<Source, Buffer>,
}

impl Resident {
    /// Allocates a plan's buffers and copies a model's tensors, those that a step binds.
    pub(crate) fn new(gpu: &Gpu, model: &Model<'_>, plan: &Plan) -> Result<Self, WgpuError> {
        let buffers = plan.buffers().iter();
        let buffers = buffers.map(|spec| buffers::storage(gpu, spec.name, spec.bytes()));
        let buffers = buffers.collect::<Result<_, _>>()?;
        let mut tensors = HashMap::new();
        let mut uploader = Uploader::new(gpu);
        for source in plan.steps().iter().flat_map(sources) {
            let roles = match source {
                Source::Buffer(_) => continue,
                _ if tensors.contains_key(&source) => continue,
                Source::Tensor(role) => vec![role],
                Source::Pair(first, second) => vec![first, second],
            };
            tensors.insert(source, copy(gpu, model, &roles, &mut uploader)?);
        }
        uploader.flush()?;
        Ok(Self { buffers, tensors })
    }

    /// A buffer of the plan.
    pub(crate) fn buffer(&self, id: BufferId) -> &Buffer {
        &self.buffers[id.index()]
    }

    /// The buffers of a step of the plan this was made for.
    pub(crate) fn bindings(&self, step: &Step) -> Vec<&Buffer> {
        let find = |source| match source {
            Source::Buffer(id) => self.buffer(id),
            tensors => &self.tensors[&tensors],
        };
        sources(step).into_iter().map(find).collect()
    }

    /// Bytes of all buffers.
    pub(crate) fn bytes(&self) -> u64 {
        self.buffers
            .iter()
            .chain(self.tensors.values())
            .map(Buffer::size)
            .sum()
    }
}

/// A buffer with tensors one after the other.
fn copy(
    gpu: &Gpu,
    model: &Model<'_>,
    roles: &[TensorRole],
    uploader: &mut Uploader<'_>,
) -> Result<Buffer, WgpuError> {
    let find = |role: &TensorRole| {
        let tensor = model.tensor(*role).map(|tensor| tensor.bytes);
        tensor.ok_or(WgpuError::ForeignPlan(PlanError::MissingTensor(*role)))
    };
    let parts = roles.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let total = parts.iter().map(|part| part.len() as u64).sum();
    let buffer = buffers::storage(gpu, &roles[0].to_string(), total)?;
    let mut offset = 0;
    for part in parts {
        uploader.write(&buffer, offset, part)?;
        offset += part.len() as u64;
    }
    Ok(buffer)
}
