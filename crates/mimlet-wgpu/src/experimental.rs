//! What wgpu calls experimental.

/// wgpu's permission to ask a device for experimental features.
#[allow(
    unsafe_code,
    reason = "wgpu does not vouch for what it calls experimental: it asks for a promise"
)]
pub(crate) fn allowed() -> wgpu::ExperimentalFeatures {
    // SAFETY: what is asked for is that we know such features may have bugs that safe calls reach. One of
    // them alone is asked for, matrices (`matrices.rs`), of a device that its adapter lists them for. Only
    // kernels of `mimlet-kernels` use it: they load and store matrices within their own workgroup memory, in
    // whole and aligned rows, by all invocations of a subgroup, and a device that does not multiply them
    // exactly in `Gpu::probed` is closed and opened without them.
    unsafe { wgpu::ExperimentalFeatures::enabled() }
}
