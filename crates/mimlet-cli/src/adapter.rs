//! What a GPU is and what it offers, for people and scripts.

use mimlet_runtime::DeviceLimits;
use serde::Serialize;

/// A GPU.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct AdapterInfo {
    pub(crate) name: String,
    /// The graphics interface: `vulkan`, `metal`, `dx12`, `gl`.
    pub(crate) interface: &'static str,
    /// `discrete`, `integrated`, `virtual`, `software` or `other`.
    pub(crate) kind: &'static str,
    pub(crate) driver: String,
    pub(crate) driver_info: String,
    pub(crate) limits: AdapterLimits,
    /// What faster kernels could use.
    pub(crate) features: Vec<&'static str>,
}

/// [`DeviceLimits`], but for memory, which no graphics interface tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct AdapterLimits {
    pub(crate) max_binding_bytes: u64,
    pub(crate) max_storage_buffers: u32,
    pub(crate) max_workgroup_bytes: u32,
    pub(crate) max_invocations: u32,
    pub(crate) max_workgroups: u32,
}

impl From<DeviceLimits> for AdapterLimits {
    fn from(limits: DeviceLimits) -> Self {
        Self {
            max_binding_bytes: limits.max_binding_bytes,
            max_storage_buffers: limits.max_storage_buffers,
            max_workgroup_bytes: limits.max_workgroup_bytes,
            max_invocations: limits.max_invocations,
            max_workgroups: limits.max_workgroups,
        }
    }
}
