//! Whether a plan fits a device, found without one.

use super::{Plan, PlanError, Step};
use alloc::format;
use mimlet_kernels::{Epilogue, attention, panel};

/// What a device offers. `None` where it is unknown or without bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceLimits {
    /// Bytes that one storage binding may cover.
    pub max_binding_bytes: u64,
    /// Storage buffers that one kernel may use.
    pub max_storage_buffers: u32,
    /// Bytes of workgroup memory.
    pub max_workgroup_bytes: u32,
    /// Invocations of a workgroup.
    pub max_invocations: u32,
    /// Workgroups along one dimension of a dispatch.
    pub max_workgroups: u32,
    /// Bytes for weights and buffers together.
    pub memory_bytes: Option<u64>,
}

impl DeviceLimits {
    /// WebGPU's defaults, less what OpenGL ES 3.1 devices lack: any GPU that wgpu computes on.
    pub const DOWNLEVEL: Self = Self {
        max_binding_bytes: 128 << 20,
        max_storage_buffers: 4,
        max_workgroup_bytes: 16_352,
        max_invocations: 256,
        max_workgroups: 65_535,
        memory_bytes: None,
    };
}

impl Plan {
    /// Whether every buffer, tensor and dispatch of the plan is within a device's limits. Weights in panels,
    /// which are almost all of a model, may be larger than a binding: they are bound in parts.
    ///
    /// # Errors
    /// The first that is not, with what it needs and what the device has.
    pub fn fits(&self, limits: &DeviceLimits) -> Result<(), PlanError> {
        self.bindings_fit(limits)?;
        self.steps_fit(limits)?;
        let needed = self.weight_bytes() + self.activation_bytes();
        match limits.memory_bytes {
            Some(limit) if needed > limit => Err(PlanError::OutOfMemory { needed, limit }),
            _ => Ok(()),
        }
    }

    /// Weights in panels are bound in parts where they have to be, of a panel at least.
    fn bindings_fit(&self, limits: &DeviceLimits) -> Result<(), PlanError> {
        let limit = limits.max_binding_bytes;
        let buffers = self
            .buffers
            .iter()
            .map(|b| (format!("buffer {}", b.name), b.bytes()));
        let (role, bytes) = self.largest_bound_whole;
        let whole = (format!("tensor {role}"), bytes);
        let weights = self.steps.iter().filter_map(Step::panel_weight);
        let panels = weights.map(|(role, weight)| {
            let panel = format!("tensor {role} ({} channels of it)", panel::WIDTH);
            (panel, weight.least_bytes())
        });
        let mut bound = buffers.chain([whole]).chain(panels);
        // Bindings are of whole vectors.
        match bound.find(|(_, bytes)| bytes.next_multiple_of(16) > limit) {
            Some((what, needed)) => Err(PlanError::BindingTooLarge {
                what,
                needed,
                limit,
            }),
            None => Ok(()),
        }
    }

    fn steps_fit(&self, limits: &DeviceLimits) -> Result<(), PlanError> {
        for step in &self.steps {
            let kernel = step.kernel();
            let variants = step.variants(Epilogue::Store, 1);
            let grid = variants[0].dispatches[0].call.workgroups;
            let asked = [
                (
                    "storage buffers",
                    kernel.bindings.len() as u64,
                    limits.max_storage_buffers,
                ),
                (
                    "bytes of workgroup memory",
                    kernel.workgroup_bytes.into(),
                    limits.max_workgroup_bytes,
                ),
                (
                    "invocations in a workgroup",
                    kernel.workgroup_size.iter().product::<u32>().into(),
                    limits.max_invocations,
                ),
                (
                    "workgroups in a dimension",
                    grid.into_iter().fold(0, u32::max).into(),
                    limits.max_workgroups,
                ),
            ];
            for (resource, needed, limit) in asked {
                if needed > u64::from(limit) {
                    let (step, limit) = (kernel.name, u64::from(limit));
                    return Err(PlanError::StepTooLarge {
                        step,
                        resource,
                        needed,
                        limit,
                    });
                }
            }
        }
        let head_dim = u64::from(self.config.head_dim());
        if head_dim > attention::MAX_HEAD_DIM as u64 {
            return Err(PlanError::StepTooLarge {
                step: attention::KERNEL.name,
                resource: "values in a head",
                needed: head_dim,
                limit: attention::MAX_HEAD_DIM as u64,
            });
        }
        Ok(())
    }
}
