//! The GPUs that tests run on.

use mimlet_runtime::DeviceLimits;
use mimlet_wgpu::{Adapters, Backends, Choice, Gpu, Requirements};

/// Every adapter of every backend, OpenGL too; none when the environment says to skip.
///
/// # Panics
/// When there is none and nobody said so.
pub(crate) fn adapters() -> Option<Adapters> {
    if std::env::var_os("MIMLET_GPU").is_some_and(|value| value == "skip") {
        eprintln!("skipped: MIMLET_GPU=skip");
        return None;
    }
    let adapters = Adapters::on(Backends::all());
    if let Err(error) = adapters.open(&Choice::Best, &downlevel()) {
        panic!("{error}; MIMLET_GPU=skip leaves GPU tests out");
    }
    Some(adapters)
}

/// Every GPU of this machine, held to the limits of the smallest.
pub(crate) fn gpus() -> Vec<Gpu> {
    let Some(adapters) = adapters() else {
        return Vec::new();
    };
    let open = |index| adapters.open(&Choice::Index(index), &downlevel());
    (0..adapters.describe().len())
        .map(|index| open(index).unwrap())
        .collect()
}

pub(crate) fn downlevel() -> Requirements<'static> {
    Requirements::Within(DeviceLimits::DOWNLEVEL)
}
