//! Kernels as naga sees them against what their registration declares.

use mimlet_kernels::case::Case;
use mimlet_kernels::{Access, Dispatch, OPS, Op, Texel, WgslKernel};
use naga::front::wgsl::{Frontend, Options};
use naga::proc::Layouter;
use naga::valid::{
    Capabilities, ModuleInfo, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator,
};
use naga::{
    AddressSpace, Block, ImageClass, ImageDimension, Module, ScalarKind, ShaderStage, Statement,
    StorageAccess, TypeInner,
};
use std::collections::BTreeSet;

/// What any GPU that computes has: `unpack2x16float` is no wgpu feature.
const BASELINE: Capabilities = Capabilities::SHADER_FLOAT16_IN_FLOAT32;

/// A kernel as a valid module, or why it is none. One that says so may use 16-bit floats, subgroups or
/// matrices.
pub(crate) fn module(kernel: &WgslKernel) -> Result<(Module, ModuleInfo), String> {
    let mut capabilities = BASELINE;
    let mut stages = ShaderStages::empty();
    if kernel.needs_f16() {
        capabilities |= Capabilities::SHADER_FLOAT16;
    }
    if kernel.needs_subgroups() {
        capabilities |= Capabilities::SUBGROUP;
        stages = ShaderStages::COMPUTE;
    }
    if kernel.matrices().is_some() {
        capabilities |= Capabilities::COOPERATIVE_MATRIX;
    }
    let options = Options {
        parse_doc_comments: false,
        capabilities,
    };
    let module = Frontend::new_with_options(options)
        .parse(kernel.source)
        .map_err(|error| error.emit_to_string(kernel.source))?;
    let info = Validator::new(ValidationFlags::all(), capabilities)
        .subgroup_stages(stages)
        .subgroup_operations(SubgroupOperationSet::all())
        .validate(&module)
        .map_err(|error| error.emit_to_string(kernel.source))?;
    Ok((module, info))
}

/// Every dispatch of every variant of an op's cases, with the case's name.
pub(crate) fn dispatches(op: &Op) -> Vec<(String, Dispatch)> {
    let cases = (op.cases)().into_iter();
    let of_case = |case: Case| {
        let dispatches = case.variants.into_iter().flat_map(|v| v.dispatches);
        dispatches
            .map(|dispatch| (case.name.clone(), dispatch))
            .collect::<Vec<_>>()
    };
    cases.flat_map(of_case).collect()
}

/// Every kernel of an op once.
pub(crate) fn kernels(op: &Op) -> Vec<&'static WgslKernel> {
    let mut kernels = vec![op.kernel];
    for (_, dispatch) in dispatches(op) {
        if kernels.iter().all(|k| k.name != dispatch.kernel.name) {
            kernels.push(dispatch.kernel);
        }
    }
    kernels
}

/// Everything about a kernel that is not as declared or not within the baseline.
fn faults(kernel: &WgslKernel) -> Vec<String> {
    let (module, _) = match module(kernel) {
        Ok(valid) => valid,
        Err(message) => return vec![message],
    };
    let mut faults = Vec::new();
    let mut expect = |what: &str, declared: String, found: String| {
        if declared != found {
            faults.push(format!("{what}: declared {declared}, found {found}"));
        }
    };
    let [entry] = module.entry_points.as_slice() else {
        return vec!["more or fewer than one entry point".into()];
    };
    expect("entry point", "main".into(), entry.name.clone());
    expect(
        "stage",
        format!("{:?}", ShaderStage::Compute),
        format!("{:?}", entry.stage),
    );
    let size = kernel.workgroup_size;
    expect(
        "workgroup size",
        format!("{size:?}"),
        format!("{:?}", entry.workgroup_size),
    );
    expect(
        "bindings",
        format!("{:?}", declared_bindings(kernel)),
        format!("{:?}", bindings(&module)),
    );
    let bytes = workgroup_bytes(&module);
    expect(
        "workgroup bytes",
        kernel.workgroup_bytes.to_string(),
        bytes.to_string(),
    );

    let both = kernel.needs_subgroups() && kernel.matrices().is_some();
    expect(
        "subgroups beside matrices, over which a driver crashes",
        false.to_string(),
        both.to_string(),
    );

    let invocations: u32 = size.iter().product();
    for (what, value, limit) in [
        ("storage buffers", kernel.bindings.len() as u32, 4),
        ("bytes of workgroup memory", bytes, 16_352),
        ("invocations", invocations, 128),
    ] {
        if value > limit {
            faults.push(format!("{value} {what}, the baseline has {limit}"));
        }
    }
    if module
        .functions
        .iter()
        .any(|(_, function)| has_barrier(&function.body))
    {
        faults.push("a barrier outside the entry point, which some drivers miscompile".into());
    }
    faults
}

fn declared_bindings(kernel: &WgslKernel) -> Vec<(u32, u32, Access)> {
    kernel
        .bindings
        .iter()
        .zip(0..)
        .map(|(&access, index)| (0, index, declared(access)))
        .collect()
}

/// What a module can tell of an access: not how many floats or words a texel has.
fn declared(access: Access) -> Access {
    match access {
        Access::Texels(Texel::F16x4) => Access::Texels(Texel::F32x4),
        Access::Texels(Texel::U32) => Access::Texels(Texel::U32x4),
        other => other,
    }
}

/// Group, index and access of each resource.
///
/// # Panics
/// When one is neither a storage buffer nor a texture.
fn bindings(module: &Module) -> Vec<(u32, u32, Access)> {
    let mut found = Vec::new();
    for (_, variable) in module.global_variables.iter() {
        let Some(binding) = variable.binding else {
            continue;
        };
        let access = match variable.space {
            AddressSpace::Storage { access } if access.contains(StorageAccess::STORE) => {
                Access::ReadWrite
            }
            AddressSpace::Storage { .. } => Access::Read,
            AddressSpace::Handle => texels(&module.types[variable.ty].inner),
            other => panic!("binding {binding:?} is {other:?}, no kernel binds that"),
        };
        found.push((binding.group, binding.binding, access));
    }
    found.sort_by_key(|&(group, index, _)| (group, index));
    found
}

/// Access of a texture.
fn texels(ty: &TypeInner) -> Access {
    let &TypeInner::Image {
        dim: ImageDimension::D2,
        arrayed: false,
        class: ImageClass::Sampled { kind, multi: false },
    } = ty
    else {
        panic!("{ty:?} is no plain texture")
    };
    Access::Texels(match kind {
        ScalarKind::Float => Texel::F32x4,
        _ => Texel::U32x4,
    })
}

fn workgroup_bytes(module: &Module) -> u32 {
    let mut layouter = Layouter::default();
    layouter
        .update(module.to_ctx())
        .expect("a valid module has a layout");
    let shared = |space| space == AddressSpace::WorkGroup;
    let variables = module
        .global_variables
        .iter()
        .filter(|(_, v)| shared(v.space));
    variables
        .map(|(_, variable)| layouter[variable.ty].size)
        .sum()
}

fn has_barrier(block: &Block) -> bool {
    block.iter().any(|statement| match statement {
        Statement::ControlBarrier(_) => true,
        Statement::Block(inner) => has_barrier(inner),
        Statement::If { accept, reject, .. } => has_barrier(accept) || has_barrier(reject),
        Statement::Loop {
            body, continuing, ..
        } => has_barrier(body) || has_barrier(continuing),
        Statement::Switch { cases, .. } => cases.iter().any(|case| has_barrier(&case.body)),
        _ => false,
    })
}

#[test]
fn every_kernel_is_valid_baseline_wgsl_and_what_it_is_declared_to_be() {
    for op in OPS {
        assert_eq!(op.name, op.kernel.name);
        let kernel = op.kernel;
        let needs = kernel.needs_f16() || kernel.needs_subgroups() || kernel.matrices().is_some();
        assert!(!needs, "{} runs everywhere", op.name);
        for kernel in kernels(op) {
            let faults = faults(kernel);
            assert!(faults.is_empty(), "{}:\n{}", kernel.name, faults.join("\n"));
        }
    }
}

#[test]
fn every_call_gives_each_override_a_value_and_names_no_other() {
    for op in OPS {
        for (case, Dispatch { kernel, call, .. }) in dispatches(op) {
            let (module, _) = module(kernel).expect("valid");
            let overrides = module.overrides.iter();
            let overrides: BTreeSet<_> = overrides.filter_map(|(_, o)| o.name.as_deref()).collect();
            let given: BTreeSet<_> = call.constants.iter().map(|&(name, _)| name).collect();
            assert_eq!(given, overrides, "{} {case}", kernel.name);
        }
    }
}

#[test]
fn every_dispatch_of_a_case_is_within_the_baseline() {
    for op in OPS {
        for (case, dispatch) in dispatches(op) {
            let grid = dispatch.call.workgroups;
            let within = grid.iter().all(|groups| (1..=65_535).contains(groups));
            assert!(within, "{} {case}: {grid:?}", dispatch.kernel.name);
        }
    }
}

/// A kernel that reads binding 0, writes binding 1 and is not in [`OPS`].
const PLANTED: &str = "
    @group(0) @binding(0) var<storage, read> x: array<f32>;
    @group(0) @binding(1) var<storage, read_write> y: array<f32>;
    var<workgroup> shared_values: array<f32, 32>;
    @compute @workgroup_size(32)
    fn main(@builtin(local_invocation_index) lane: u32) {
        shared_values[lane] = x[lane];
        workgroupBarrier();
        y[lane] = shared_values[31u - lane];
    }";

const DECLARED: WgslKernel = WgslKernel {
    name: "planted",
    source: PLANTED,
    workgroup_size: [32, 1, 1],
    workgroup_bytes: 128,
    bindings: &[Access::Read, Access::ReadWrite],
};

#[test]
fn each_kind_of_false_declaration_is_found() {
    assert_eq!(faults(&DECLARED), Vec::<String>::new());
    let needles = [
        (
            WgslKernel {
                workgroup_size: [64, 1, 1],
                ..DECLARED
            },
            "workgroup size",
        ),
        (
            WgslKernel {
                workgroup_bytes: 64,
                ..DECLARED
            },
            "workgroup bytes",
        ),
        (
            WgslKernel {
                bindings: &[Access::Read, Access::Read],
                ..DECLARED
            },
            "bindings",
        ),
        (
            WgslKernel {
                bindings: &[Access::Read],
                ..DECLARED
            },
            "bindings",
        ),
        (
            WgslKernel {
                source: "fn main() {}",
                ..DECLARED
            },
            "entry point",
        ),
    ];
    for (kernel, needle) in needles {
        let faults = faults(&kernel);
        assert!(
            faults.iter().any(|fault| fault.contains(needle)),
            "{needle}: {faults:?}"
        );
    }
}

#[test]
fn features_and_misplaced_barriers_are_found() {
    let edited = |from: &str, to: &str| PLANTED.replace(from, to);
    for (source, needle) in [
        (edited("x[lane]", "subgroupAdd(x[lane])"), "subgroup"),
        (
            edited("local_invocation_index", "subgroup_invocation_id"),
            "subgroup",
        ),
        // Only the first line of a text says that it is meant.
        (format!("\nenable f16;{PLANTED}"), "f16"),
        (edited("f32, 32>", "f32, 8192>"), "the baseline has 16352"),
        (
            edited("workgroupBarrier();", "wait();") + "fn wait() { workgroupBarrier(); }",
            "a barrier outside the entry point",
        ),
    ] {
        let source: &'static str = Box::leak(source.into_boxed_str());
        let faults = faults(&WgslKernel { source, ..DECLARED });
        let found = faults
            .iter()
            .any(|fault| fault.to_lowercase().contains(needle));
        assert!(found, "{needle}: {faults:?}");
    }
}
