//! The GPUs that tests run on.

use crate::model::random_model;
use mimlet_format::{CodebookSpace, DType, Model};
use mimlet_kernels::Variant;
use mimlet_runtime::{DeviceLimits, Plan};
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

/// Every GPU of this machine that has a feature, opened to use it.
///
/// # Panics
/// When none has.
pub(crate) fn gpus_with(feature: &str) -> Vec<Gpu> {
    let Some(adapters) = adapters() else {
        return Vec::new();
    };
    let file = random_model(DType::F16, CodebookSpace::Features);
    let model = Model::parse(&file).unwrap();
    let plan = Plan::new(model.manifest()).unwrap();
    let open = |index| adapters.open(&Choice::Index(index), &Requirements::Plan(&plan));
    let has = |gpu: &Gpu| gpu.description().features.contains(&feature);
    let gpus = (0..adapters.describe().len()).map(|index| open(index).unwrap());
    let gpus: Vec<Gpu> = gpus.filter(has).collect();
    assert!(
        !gpus.is_empty(),
        "no GPU of this machine has {feature}; Mesa's lavapipe does"
    );
    gpus
}

/// What variants need of a GPU: each is tried on those that have it. Matrices, which few have, are tried in
/// `matrices.rs`.
pub(crate) const NEEDS: [(&str, fn(&Variant) -> bool); 2] = [
    ("shader-f16", Variant::needs_f16),
    ("subgroup", Variant::needs_subgroups),
];

/// Whether a variant runs on every GPU.
pub(crate) fn needs_nothing(variant: &Variant) -> bool {
    variant.matrices().is_none() && NEEDS.iter().all(|(_, needs)| !needs(variant))
}
