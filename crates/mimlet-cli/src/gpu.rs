//! The GPUs of this machine, through wgpu.

use mimlet_session::{GpuRung, Rung};

use crate::adapter::AdapterInfo;

/// A way to run models on each GPU, hardware before software; whether its kernels are chosen by trying
/// them.
pub(crate) fn rungs(autotune: bool) -> Vec<Box<dyn Rung>> {
    let gpus = GpuRung::all(autotune).into_iter();
    gpus.map(|gpu| Box::new(gpu) as Box<dyn Rung>).collect()
}

/// What each GPU is and offers, in the same order.
pub(crate) fn infos() -> Vec<AdapterInfo> {
    let info = |gpu: &GpuRung| {
        let description = gpu.description().clone();
        AdapterInfo {
            name: description.name,
            interface: description.backend,
            kind: description.kind,
            driver: description.driver,
            driver_info: description.driver_info,
            limits: description.limits.into(),
            features: description.features,
        }
    };
    GpuRung::all(false).iter().map(info).collect()
}
