//! What can go wrong with a GPU, one line each.

use mimlet_runtime::PlanError;

/// Why a GPU cannot be used, or stopped working.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WgpuError {
    /// The machine shows no GPU.
    #[error(
        "no GPU adapter on {searched}: install the GPU's driver, or mesa-vulkan-drivers (Debian, \
         Ubuntu) for Vulkan on the CPU"
    )]
    NoAdapter {
        /// The graphics interfaces that were asked.
        searched: String,
    },
    /// No GPU is the one asked for.
    #[error("no GPU adapter is {wanted}: there are {found}")]
    NoSuchAdapter {
        /// The name or number asked for.
        wanted: String,
        /// The adapters, with their numbers.
        found: String,
    },
    /// The plan needs more than the GPU has.
    #[error("{adapter}: {reason}")]
    LimitExceeded {
        /// The GPU.
        adapter: String,
        /// The buffer, tensor or step, what it needs and what there is.
        reason: PlanError,
    },
    /// The GPU has less than the limits it was to be opened with.
    #[error("{adapter} has {available} {limit}, {needed} asked for: choose another adapter")]
    AdapterTooSmall {
        /// The GPU.
        adapter: String,
        /// What there is too little of.
        limit: &'static str,
        /// What was asked for.
        needed: u64,
        /// What there is.
        available: u64,
    },
    /// The driver did not open the GPU.
    #[error("{adapter} cannot be opened: {reason}")]
    DeviceRefused {
        /// The GPU.
        adapter: String,
        /// The driver's words.
        reason: String,
    },
    /// The GPU's memory is used up.
    #[error("{adapter} is out of memory at {what}: use a smaller model or the CPU")]
    OutOfMemory {
        /// The GPU.
        adapter: String,
        /// What there was no memory for, with its bytes.
        what: String,
    },
    /// The GPU was reset, unplugged or closed.
    #[error("{adapter} was lost ({reason}): open it again or use the CPU")]
    DeviceLost {
        /// The GPU.
        adapter: String,
        /// The driver's words.
        reason: String,
    },
    /// The driver did not compile a kernel.
    #[error("{adapter} does not compile kernel {kernel}: {reason}")]
    ShaderRejected {
        /// The GPU.
        adapter: String,
        /// The kernel.
        kernel: &'static str,
        /// The compiler's words.
        reason: String,
    },
    /// wgpu refused a call: a fault of this crate or of the driver.
    #[error("{adapter} refuses {what}: {reason}")]
    Refused {
        /// The GPU.
        adapter: String,
        /// The object or call.
        what: String,
        /// wgpu's words.
        reason: String,
    },
    /// The model and the plan are not of the same file.
    #[error(transparent)]
    ForeignPlan(PlanError),
}

/// A message of several lines as one, without the calls that led to it, which browsers add.
pub(crate) fn one_line(message: &str) -> String {
    let message = message.split("\n    at ").next().unwrap_or_default();
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
