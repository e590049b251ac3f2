//! For each kind of limit a model that exceeds it and nothing else, and is refused by name.

use crate::shape;
use mimlet_export::{Arch, Refusal, Shape, Target, WeightType};
use mimlet_format::Scheme;
use mimlet_runtime::Plan;

/// A target with far more of everything than any model here takes.
fn roomy() -> Target {
    let mut target = Target::named("webgpu-default").unwrap();
    target.name = "roomy".to_owned();
    target.ram_bytes = None;
    target.app_memory_bytes = None;
    target.memory_bytes = Some(u64::MAX);
    target.flash_bytes = None;
    let gpu = target.gpu.as_mut().unwrap();
    gpu.max_binding_bytes = u64::MAX;
    gpu.max_buffer_bytes = u64::MAX;
    gpu.watchdog_ms = Some(u32::MAX);
    gpu.gflops = Some(1e9);
    target
}

/// Asserts that the change leaves room for a smaller model, and that this one is refused by this
/// limit alone; returns the refusal.
fn only(limit: &str, shape: &Shape, smaller: &Shape, change: impl Fn(&mut Target)) -> Refusal {
    let mut target = roomy();
    assert_eq!(target.refuses(shape).unwrap(), [], "before the change");
    change(&mut target);
    assert_eq!(
        target.refuses(smaller).unwrap(),
        [],
        "{limit}: the smaller model"
    );
    let mut refusals = target.refuses(shape).unwrap();
    assert_eq!(refusals.len(), 1, "{limit}: {refusals:?}");
    let refusal = refusals.remove(0);
    assert_eq!(refusal.limit, limit, "{refusal}");
    let error = target.admits(shape).unwrap_err().to_string();
    for part in [
        "target roomy: ",
        &refusal.what,
        &refusal.found,
        limit,
        &refusal.allowed,
    ] {
        assert!(error.contains(part), "{part:?} is not in {error}");
    }
    refusal
}

fn tiny() -> Shape {
    shape(Arch::VitTiny16, Scheme::Int8)
}

fn base() -> Shape {
    shape(Arch::VitBase16, Scheme::F32)
}

/// ViT-Tiny on a larger image.
fn wide(side: u32) -> Shape {
    let mut shape = tiny();
    shape.encoder.image_size = [side; 2];
    shape
}

#[test]
fn element_types() {
    let refusal = only(
        "weights",
        &tiny(),
        &shape(Arch::VitTiny16, Scheme::F16),
        |target| {
            target.weights = vec![WeightType::F32, WeightType::F16];
        },
    );
    assert_eq!(refusal.what, "tensor blocks.0.attn.qkv.weight and 47 more");
    assert_eq!((&*refusal.found, &*refusal.allowed), ("i8", "f32, f16"));
}

#[test]
fn a_panel_of_a_tensor_as_a_binding() {
    // Three patches by three: buffers are smaller than sixteen channels of 768 floats.
    let [floats, halves] = [Scheme::F32, Scheme::F16].map(|scheme| {
        let mut shape = shape(Arch::VitTiny16, scheme);
        shape.encoder.image_size = [48; 2];
        shape
    });
    let refusal = only("gpu.max_binding_bytes", &floats, &halves, |target| {
        target.gpu.as_mut().unwrap().max_binding_bytes = 40_000;
    });
    assert_eq!(
        refusal.what,
        "tensor patch_embed.weight (16 channels of it)"
    );
    assert_eq!(refusal.found, "49,152 bytes");
    assert_eq!(refusal.allowed, "40,000 bytes");
    assert!(refusal.mend.contains("--scheme"), "{refusal}");
}

#[test]
fn a_tensor_in_parts_is_no_binding_too_large_and_no_buffer() {
    let mut target = roomy();
    let gpu = target.gpu.as_mut().unwrap();
    // Its largest tensors take 9 MiB.
    gpu.max_binding_bytes = 8 << 20;
    gpu.max_buffer_bytes = 8 << 20;
    assert_eq!(target.refuses(&base()).unwrap(), []);
}

#[test]
fn a_buffer_as_a_binding() {
    let refusal = only("gpu.max_binding_bytes", &wide(1024), &tiny(), |target| {
        target.gpu.as_mut().unwrap().max_binding_bytes = 12_582_911;
    });
    assert_eq!(refusal.what, "buffer image");
    assert!(refusal.mend.contains("--image-size"), "{refusal}");
}

#[test]
fn a_buffer() {
    let refusal = only("gpu.max_buffer_bytes", &wide(1024), &tiny(), |target| {
        target.gpu.as_mut().unwrap().max_buffer_bytes = 12_000_000;
    });
    assert!(refusal.what.starts_with("buffer "), "{refusal}");
}

#[test]
fn storage_buffers_workgroup_memory_and_invocations() {
    // No model needs less of these than another: kernels fix them.
    let change: [(&str, fn(&mut Target)); 3] = [
        ("gpu.max_storage_buffers", |target| {
            target.gpu.as_mut().unwrap().max_storage_buffers = 3;
        }),
        ("gpu.max_workgroup_bytes", |target| {
            target.gpu.as_mut().unwrap().max_workgroup_bytes = 128;
        }),
        ("gpu.max_invocations", |target| {
            target.gpu.as_mut().unwrap().max_invocations = 63;
        }),
    ];
    for (limit, change) in change {
        let mut target = roomy();
        change(&mut target);
        let refusals = target.refuses(&tiny()).unwrap();
        assert_eq!(refusals.len(), 1, "{refusals:?}");
        assert_eq!(refusals[0].limit, limit);
        assert!(refusals[0].what.starts_with("step "), "{}", refusals[0]);
    }
}

#[test]
fn workgroups_in_a_dimension() {
    let refusal = only("gpu.max_workgroups", &wide(1024), &tiny(), |target| {
        target.gpu.as_mut().unwrap().max_workgroups = 40_000;
    });
    assert!(refusal.what.starts_with("step "), "{refusal}");
}

#[test]
fn the_watchdog() {
    let refusal = only("gpu.watchdog_ms", &base(), &tiny(), |target| {
        let gpu = target.gpu.as_mut().unwrap();
        gpu.watchdog_ms = Some(500);
        gpu.gflops = Some(1.0);
    });
    // 197 rows of 768 by 3,072, a multiplication and an addition each.
    assert_eq!(refusal.found, "930 ms at 1 GFLOP/s");
    assert_eq!(refusal.what, "step linear");
}

#[test]
fn memory_counts_weights_buffers_and_the_scratch_of_each_core() {
    let needed = |target: &Target| target.needed_bytes(&Plan::new(&tiny().manifest()).unwrap());
    let mut target = roomy();
    let one_core = needed(&target);
    target.cpu.as_mut().unwrap().cores = 8;
    let eight_cores = needed(&target);
    assert!(eight_cores > one_core);
    target.memory_bytes = Some(eight_cores);
    assert_eq!(target.refuses(&tiny()).unwrap(), []);
    let refusal = only("memory_bytes", &base(), &tiny(), |target| {
        target.memory_bytes = Some(eight_cores);
    });
    assert_eq!(refusal.what, "weights, buffers and scratch");
}

#[test]
fn flash_holds_the_file_and_leaves_the_weights_out_of_memory() {
    let refusal = only("flash_bytes", &base(), &tiny(), |target| {
        target.flash_bytes = Some(16 << 20);
    });
    assert_eq!(refusal.what, "the file");
    let mut target = roomy();
    target.flash_bytes = Some(u64::MAX);
    let plan = Plan::new(&base().manifest()).unwrap();
    assert!(target.needed_bytes(&plan) < plan.weight_bytes());
}

#[test]
fn a_target_without_a_gpu_asks_nothing_of_one() {
    let mut target = roomy();
    target.gpu.as_mut().unwrap().max_binding_bytes = 1;
    assert_ne!(target.refuses(&tiny()).unwrap(), []);
    target.gpu = None;
    assert_eq!(target.refuses(&tiny()).unwrap(), []);
}

#[test]
fn heads_wider_than_the_kernel_s_are_no_target_s_fault() {
    let mut shape = tiny();
    shape.encoder.num_heads = 1;
    let refusals = roomy().refuses(&shape).unwrap();
    assert_eq!(refusals[0].found, "192 values in a head");
}

#[test]
fn several_limits_are_all_named() {
    let mut target = roomy();
    target.memory_bytes = Some(1);
    target.flash_bytes = Some(1);
    let error = target.admits(&tiny()).unwrap_err().to_string();
    assert!(error.contains("the file: "), "{error}");
    assert!(
        error.ends_with("(it exceeds memory_bytes as well)"),
        "{error}"
    );
}
