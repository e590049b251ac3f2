//! Kernels in the languages of the backends, with the constants of real calls.

use super::inspect::{dispatches, module};
use mimlet_kernels::{OPS, WgslKernel};
use naga::back::{self, PipelineConstants};
use naga::proc::BoundsCheckPolicies;
use naga::valid::ModuleInfo;
use naga::{Module, ShaderStage};

type Translated = Result<(), String>;

fn text<E: std::fmt::Debug>(error: E) -> String {
    format!("{error:?}")
}

/// SPIR-V 1.3, as wgpu asks for on Vulkan 1.1.
fn spirv(module: &Module, info: &ModuleInfo) -> Translated {
    let options = back::spv::Options {
        lang_version: (1, 3),
        ..Default::default()
    };
    back::spv::write_vec(module, info, &options, None)
        .map(drop)
        .map_err(text)
}

fn metal(module: &Module, info: &ModuleInfo) -> Translated {
    let options = back::msl::Options {
        // The first with matrices, without which wgpu offers none.
        lang_version: (2, 3),
        fake_missing_bindings: true,
        ..Default::default()
    };
    let pipeline = back::msl::PipelineOptions::default();
    back::msl::write_string(module, info, &options, &pipeline)
        .map(drop)
        .map_err(text)
}

fn hlsl(module: &Module, info: &ModuleInfo) -> Translated {
    let options = back::hlsl::Options {
        fake_missing_bindings: true,
        ..Default::default()
    };
    let pipeline = back::hlsl::PipelineOptions::default();
    let mut text_out = String::new();
    let mut writer = back::hlsl::Writer::new(&mut text_out, &options, &pipeline);
    writer.write(module, info, None).map(drop).map_err(text)
}

/// GLSL ES 3.1, the first with compute shaders.
fn glsl(module: &Module, info: &ModuleInfo) -> Translated {
    let options = back::glsl::Options {
        version: back::glsl::Version::new_gles(310),
        ..Default::default()
    };
    let pipeline = back::glsl::PipelineOptions {
        shader_stage: ShaderStage::Compute,
        entry_point: "main".into(),
        multiview: None,
    };
    let mut out = String::new();
    let policies = BoundsCheckPolicies::default();
    back::glsl::Writer::new(&mut out, module, info, &options, &pipeline, policies)
        .and_then(|mut writer| writer.write())
        .map(drop)
        .map_err(text)
}

/// Whether wgpu offers a backend what a kernel needs. Few drivers have matrices, and none that CI installs:
/// of such kernels this is what guards the text there.
fn may_run(kernel: &WgslKernel, backend: &str) -> bool {
    match (backend, kernel.matrices()) {
        ("SPIR-V", _) => true,
        // Metal's matrices are of 8 x 8.
        ("MSL", matrices) => matrices.is_none_or(|matrices| matrices.edge == 8),
        ("GLSL ES", None) => !kernel.needs_f16() && !kernel.needs_subgroups(),
        (_, matrices) => matrices.is_none(),
    }
}

#[test]
fn every_kernel_translates_for_every_backend_that_may_run_it() {
    type Backend = fn(&Module, &ModuleInfo) -> Translated;
    let backends: [(&str, Backend); 4] = [
        ("SPIR-V", spirv),
        ("MSL", metal),
        ("HLSL", hlsl),
        ("GLSL ES", glsl),
    ];
    for op in OPS {
        for (case, dispatch) in dispatches(op) {
            let kernel = dispatch.kernel.name;
            let (module, info) = module(dispatch.kernel).expect("valid");
            let constants = dispatch.call.constants.iter();
            let constants: PipelineConstants = constants
                .map(|&(name, value)| (name.into(), value))
                .collect();
            let (module, info) =
                back::pipeline_constants::process_overrides(&module, &info, None, &constants)
                    .unwrap_or_else(|error| panic!("{kernel} {case}: {error}"));
            for (name, translate) in backends {
                if !may_run(dispatch.kernel, name) {
                    continue;
                }
                if let Err(error) = translate(&module, &info) {
                    panic!("{kernel} {case} in {name}: {error}");
                }
            }
        }
    }
}
