//! GPUs that are missing, too small, full or lost: typed errors of one line, no panic.

use crate::machine::{adapters, downlevel, gpus};
use crate::model::random_model;
use mimlet_format::{CodebookSpace, DType, Model};
use mimlet_kernels::{Variant, WgslKernel, residual};
use mimlet_runtime::{Backend, DeviceLimits, Encoding, Plan, PlanError};
use mimlet_wgpu::{
    Adapters, Backends, Choice, Requirements, Tuning, WgpuBackend, WgpuError, dispatch_once,
};

fn one_line(error: &WgpuError) -> String {
    let text = error.to_string();
    assert!(!text.contains('\n') && !text.ends_with('.'), "{text:?}");
    text
}

#[test]
fn no_adapter_says_how_to_get_one() {
    let none = Adapters::on(Backends::empty());
    assert!(none.describe().is_empty());
    let error = none.open(&Choice::Best, &downlevel()).unwrap_err();
    assert!(matches!(error, WgpuError::NoAdapter { .. }));
    let text = one_line(&error);
    assert!(
        text.contains("no backend") && text.contains("mesa-vulkan-drivers"),
        "{text}"
    );
}

#[test]
fn adapters_are_found_by_number_and_name_and_the_missing_one_is_named() {
    let Some(adapters) = adapters() else { return };
    let described = adapters.describe();
    let software = described.iter().position(|adapter| adapter.is_software());
    assert!(software.is_none_or(|first| described[first..].iter().all(|a| a.is_software())));
    for (index, description) in described.iter().enumerate() {
        let chosen = [
            Choice::Index(index),
            Choice::Name(description.to_string().to_uppercase()),
        ];
        for choice in chosen {
            let gpu = adapters.open(&choice, &downlevel()).unwrap();
            assert_eq!(gpu.description(), description, "{choice:?}");
        }
    }
    for choice in [
        Choice::Index(described.len()),
        Choice::Name("abacus".into()),
    ] {
        let error = adapters.open(&choice, &downlevel()).unwrap_err();
        let text = one_line(&error);
        assert!(matches!(error, WgpuError::NoSuchAdapter { .. }), "{text}");
        assert!(text.contains(&described[0].name), "{text}");
    }
}

#[test]
fn a_gpu_has_the_limits_it_is_opened_with() {
    for gpu in gpus() {
        let limits = gpu.limits();
        assert_eq!(limits, DeviceLimits::DOWNLEVEL, "{}", gpu.description());
    }
}

#[test]
fn more_than_the_adapter_has_is_refused_by_name() {
    let Some(adapters) = adapters() else { return };
    let wanted = DeviceLimits {
        max_workgroup_bytes: u32::MAX,
        ..DeviceLimits::DOWNLEVEL
    };
    let error = adapters
        .open(&Choice::Best, &Requirements::Within(wanted))
        .unwrap_err();
    let text = one_line(&error);
    assert!(
        matches!(
            error,
            WgpuError::AdapterTooSmall {
                needed: 0xffff_ffff,
                ..
            }
        ),
        "{text}"
    );
    assert!(text.contains("bytes of workgroup memory"), "{text}");
}

#[test]
fn a_plan_that_does_not_fit_names_what_and_how_much() {
    let Some(adapters) = adapters() else { return };
    let file = random_model(DType::F32, CodebookSpace::Features);
    let model = Model::parse(&file).unwrap();
    let plan = Plan::new(model.manifest()).unwrap();
    let tiny = DeviceLimits {
        max_binding_bytes: 4096,
        ..DeviceLimits::DOWNLEVEL
    };
    let gpu = adapters
        .open(&Choice::Best, &Requirements::Within(tiny))
        .unwrap();
    let error = WgpuBackend::new(&gpu, &model, &plan, Tuning::VendorOrder).unwrap_err();
    let text = one_line(&error);
    let WgpuError::LimitExceeded {
        reason:
            PlanError::BindingTooLarge {
                what,
                needed,
                limit,
            },
        ..
    } = error
    else {
        panic!("{text}")
    };
    assert!(
        what.starts_with("buffer ") && needed > limit && limit == 4096,
        "{text}"
    );
}

#[test]
fn a_plan_of_another_model_is_refused() {
    let with = random_model(DType::I8, CodebookSpace::Features);
    let without = random_model(DType::F32, CodebookSpace::Features);
    let plan = Plan::new(Model::parse(&with).unwrap().manifest()).unwrap();
    for gpu in gpus() {
        let error = WgpuBackend::new(
            &gpu,
            &Model::parse(&without).unwrap(),
            &plan,
            Tuning::VendorOrder,
        )
        .unwrap_err();
        assert!(
            matches!(error, WgpuError::ForeignPlan(PlanError::MissingTensor(_))),
            "{error}"
        );
    }
}

const fn planted(name: &'static str, source: &'static str) -> WgslKernel {
    WgslKernel {
        name,
        source,
        workgroup_size: [64, 1, 1],
        workgroup_bytes: 0,
        bindings: residual::KERNEL.bindings,
    }
}

#[test]
fn a_kernel_that_does_not_compile_is_named() {
    static BROKEN: WgslKernel = planted("broken", "fn main() { return 1; }");
    // Twice the invocations that the GPU was opened for.
    static GREEDY: WgslKernel = planted(
        "greedy",
        "override LEN: u32;
        @group(0) @binding(0) var<storage, read> branch: array<f32>;
        @group(0) @binding(1) var<storage, read_write> x: array<f32>;
        @compute @workgroup_size(512)
        fn main() {
            x[0] = branch[LEN];
        }",
    );
    for gpu in gpus() {
        for kernel in [&BROKEN, &GREEDY] {
            let contents: [&[u8]; 2] = [&[0; 4], &[0; 4]];
            let error = dispatch_once(&gpu, &Variant::single(kernel, residual::call(1)), &contents)
                .unwrap_err();
            let text = one_line(&error);
            assert!(matches!(error, WgpuError::ShaderRejected { .. }), "{text}");
            assert!(text.contains(kernel.name), "{text}");
        }
        // The GPU is none the worse for it.
        let sum = Variant::single(&residual::KERNEL, residual::call(1));
        let [branch, x] = [1.5f32, 2.0].map(f32::to_le_bytes);
        let after = dispatch_once(&gpu, &sum, &[&branch, &x]).unwrap();
        assert_eq!(after[1], 3.5f32.to_le_bytes());
    }
}

#[test]
fn a_gpu_lost_between_images_is_an_error_each_time() {
    let file = random_model(DType::F32, CodebookSpace::Features);
    let model = Model::parse(&file).unwrap();
    let plan = Plan::new(model.manifest()).unwrap();
    let image = vec![0.25; plan.buffers()[plan.image().index()].words];
    for gpu in gpus() {
        let mut backend = WgpuBackend::new(&gpu, &model, &plan, Tuning::VendorOrder).unwrap();
        let mut encoding = Encoding::zeros(&plan);
        backend.run(&image, &mut encoding).unwrap();
        let mut together = WgpuBackend::new(&gpu, &model, &plan, Tuning::VendorOrder).unwrap();
        let mut encodings = vec![encoding.clone(); 3];
        together
            .run_batch(&[image.as_slice(); 3], &mut encodings)
            .unwrap();
        gpu.close();
        for _ in 0..2 {
            let error = backend.run(&image, &mut encoding).unwrap_err();
            assert_eq!(error.backend, backend.describe());
            assert!(error.reason.contains("was lost"), "{error}");
            // Of one that has run several at once, and of one that has not.
            for backend in [&mut together, &mut backend] {
                let batch = backend.run_batch(&[image.as_slice(); 3], &mut encodings);
                let error = batch.unwrap_err();
                assert_eq!(error.backend, backend.describe());
                assert!(error.reason.contains("was lost"), "{error}");
            }
        }
        let error = WgpuBackend::new(&gpu, &model, &plan, Tuning::VendorOrder).unwrap_err();
        assert!(matches!(error, WgpuError::DeviceLost { .. }), "{error}");
        let contents: [&[u8]; 2] = [&[0; 4], &[0; 4]];
        let sum = Variant::single(&residual::KERNEL, residual::call(1));
        let error = dispatch_once(&gpu, &sum, &contents).unwrap_err();
        assert!(matches!(error, WgpuError::DeviceLost { .. }), "{error}");
        one_line(&error);
    }
}
