//! What a GPU must have, as wgpu's limits.

use crate::adapters::AdapterDescription;
use crate::error::WgpuError;
use mimlet_kernels::Variant;
use mimlet_runtime::{BufferSpec, DeviceLimits, Plan};
use wgpu::Features;

/// Asked for beside [`Requirements::features`], of a device that is proved to be right with it.
pub(crate) const MATRICES: Features = Features::EXPERIMENTAL_COOPERATIVE_MATRIX;

/// What a GPU is opened with. No op needs a wgpu feature, but some variants do.
#[derive(Debug, Clone, Copy)]
pub enum Requirements<'p> {
    /// The limits that this plan needs, no less than the smallest GPUs have, and those features that
    /// the adapter has and something here is better with. Units that multiply matrices are one only where a
    /// small layer comes out right to the bit.
    Plan(&'p Plan),
    /// These limits and no more, no feature, so that a run shows whether a smaller device would do.
    Within(DeviceLimits),
}

impl Requirements<'_> {
    /// wgpu's features to ask for.
    pub(crate) fn features(&self, offered: Features) -> Features {
        match self {
            Self::Plan(_) => {
                let of_kernels = Features::SHADER_F16 | Features::SUBGROUP;
                offered & (of_kernels | Features::TIMESTAMP_QUERY | Features::PIPELINE_CACHE)
            }
            Self::Within(_) => Features::empty(),
        }
    }
}

/// wgpu's features that a variant needs.
pub(crate) fn features_of(variant: &Variant) -> Features {
    let needs = [
        (variant.needs_f16(), Features::SHADER_F16),
        (variant.needs_subgroups(), Features::SUBGROUP),
        (variant.matrices().is_some(), MATRICES),
    ];
    let needed = needs.into_iter().filter(|(needed, _)| *needed);
    needed.fold(Features::empty(), |all, (_, feature)| all | feature)
}

/// wgpu's limits for what is wanted, none above the adapter's.
pub(crate) fn required_limits(
    description: &AdapterDescription,
    offered: wgpu::Limits,
    wanted: &Requirements,
) -> Result<wgpu::Limits, WgpuError> {
    let has = description.limits;
    let wanted = match wanted {
        Requirements::Within(limits) => *limits,
        Requirements::Plan(plan) => {
            plan.fits(&has).map_err(|reason| WgpuError::LimitExceeded {
                adapter: description.name.clone(),
                reason,
            })?;
            needs(plan, &has)
        }
    };
    within_adapter(description, &wanted)?;
    let mut limits = wgpu::Limits::downlevel_defaults().or_worse_values_from(&offered);
    limits.max_storage_buffer_binding_size = wanted.max_binding_bytes;
    limits.max_buffer_size = limits.max_buffer_size.max(wanted.max_binding_bytes);
    limits.max_storage_buffers_per_shader_stage = wanted.max_storage_buffers;
    limits.max_compute_workgroup_storage_size = wanted.max_workgroup_bytes;
    limits.max_compute_invocations_per_workgroup = wanted.max_invocations;
    limits.max_compute_workgroups_per_dimension = wanted.max_workgroups;
    Ok(limits)
}

/// Whether an adapter has limits at least as large.
fn within_adapter(
    description: &AdapterDescription,
    wanted: &DeviceLimits,
) -> Result<(), WgpuError> {
    let has = description.limits;
    for (limit, needed, available) in [
        (
            "bytes of a storage binding",
            wanted.max_binding_bytes,
            has.max_binding_bytes,
        ),
        (
            "storage buffers",
            wanted.max_storage_buffers.into(),
            has.max_storage_buffers.into(),
        ),
        (
            "bytes of workgroup memory",
            wanted.max_workgroup_bytes.into(),
            has.max_workgroup_bytes.into(),
        ),
        (
            "invocations in a workgroup",
            wanted.max_invocations.into(),
            has.max_invocations.into(),
        ),
        (
            "workgroups in a dimension",
            wanted.max_workgroups.into(),
            has.max_workgroups.into(),
        ),
    ] {
        if needed > available {
            let adapter = description.name.clone();
            return Err(WgpuError::AdapterTooSmall {
                adapter,
                limit,
                needed,
                available,
            });
        }
    }
    Ok(())
}

/// The limits of the smallest GPUs, with room for a plan's largest binding. Kernels keep within the
/// rest by design, so a plan that fits the adapter fits these.
fn needs(plan: &Plan, has: &DeviceLimits) -> DeviceLimits {
    let least = DeviceLimits::DOWNLEVEL;
    // No tensor is larger than all of them.
    let largest = plan
        .buffers()
        .iter()
        .map(BufferSpec::bytes)
        .fold(plan.weight_bytes(), u64::max);
    DeviceLimits {
        max_binding_bytes: largest
            .max(least.max_binding_bytes)
            .min(has.max_binding_bytes),
        max_storage_buffers: least.max_storage_buffers.min(has.max_storage_buffers),
        max_workgroup_bytes: least.max_workgroup_bytes.min(has.max_workgroup_bytes),
        max_invocations: least.max_invocations.min(has.max_invocations),
        max_workgroups: least.max_workgroups.min(has.max_workgroups),
        memory_bytes: None,
    }
}
