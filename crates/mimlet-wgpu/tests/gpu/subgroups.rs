//! Kernels that compute in subgroups, with subgroups of every size that GPUs have: a device has one or two
//! of them, so a subgroup is put in the place of invocations that pass their values through workgroup
//! memory.

use crate::machine::{gpus, gpus_with};
use crate::parity::mismatch;
use crate::planted::{Fault, as_it_is, examples, must_be_found, running, with_sources};
use mimlet_kernels::WgslKernel;

/// From the smallest GPU's to more than a workgroup.
const SIZES: [u32; 6] = [4, 8, 16, 32, 64, 128];

/// A kernel's text with subgroups of that size played by workgroup memory; of one without subgroups, its
/// own.
fn played(kernel: &WgslKernel, size: u32) -> String {
    if !kernel.needs_subgroups() {
        return kernel.source.into();
    }
    let builtins = [
        ("subgroup_id", "subgroup", format!("lane / {size}u")),
        (
            "num_subgroups",
            "subgroups",
            format!("(64u + {size}u - 1u) / {size}u"),
        ),
        ("subgroup_invocation_id", "place", format!("lane % {size}u")),
    ];
    let mut source = kernel.source.to_owned();
    let mut given = String::new();
    for (builtin, name, value) in builtins {
        let parameter = format!("    @builtin({builtin}) {name}: u32,\n");
        assert!(source.contains(&parameter), "{} {name}", kernel.name);
        source = source.replace(&parameter, "");
        given += &format!("    let {name} = {value};\n");
    }
    source = source.replacen(
        ") {\n    let start",
        &format!(") {{\n{given}    let start"),
        1,
    );
    let mut element = "";
    let mut lines = Vec::new();
    for line in source.lines() {
        let reduced = [
            ("subgroupAdd", "+", "f32"),
            ("subgroupMax", "max", "vec2<f32>"),
        ]
        .into_iter()
        .find(|(function, ..)| line.contains(function));
        let Some((_, by, of)) = reduced else {
            lines.push(line.to_owned());
            continue;
        };
        element = of;
        let name = line.trim().split(' ').next().unwrap();
        let joined = match by {
            "max" => format!("max({name}, played[i])"),
            _ => format!("{name} + played[i]"),
        };
        lines.push(format!(
            "played[lane] = {name};
            workgroupBarrier();
            {name} = {of}();
            for (var i = subgroup * {size}u; i < min(subgroup * {size}u + {size}u, 64u); i += 1u) {{
                {name} = {joined};
            }}
            workgroupBarrier();"
        ));
    }
    format!(
        "{}\nvar<workgroup> played: array<{element}, 64>;\n",
        lines.join("\n")
    )
}

#[test]
fn results_are_right_whatever_the_subgroups_size() {
    let examples = examples();
    let mut played_kernels = 0;
    for gpu in gpus() {
        for case in examples.iter().filter(|case| case.buffers.len() <= 3) {
            for variant in case.variants.iter().filter(|v| v.needs_subgroups()) {
                for size in SIZES {
                    let played = with_sources(variant.clone(), |kernel| played(kernel, size));
                    assert!(!played.needs_subgroups());
                    if let Err(message) = mismatch(&gpu, &played, case) {
                        panic!("{} in {size}, {}: {message}", variant.name(), case.name);
                    }
                    played_kernels += 1;
                }
            }
        }
        assert!(played_kernels > 0, "nothing was played");
    }
}

const FAULTS: [Fault; 4] = [
    (
        "layer_norm_subgroups",
        "sum += totals[i]",
        "sum = totals[i]",
    ),
    (
        "layer_norm_subgroups",
        "squares_of[subgroup] = squares",
        "squares_of[0] = squares",
    ),
    ("quantize_rows_subgroups", "i < subgroups", "i < 1u"),
    ("quantize_rows_subgroups", "-x[start + i])", "x[start + i])"),
];

#[test]
fn a_fault_planted_in_a_kernel_of_subgroups_is_found() {
    let examples = examples();
    for gpu in gpus_with("subgroup") {
        for fault in FAULTS {
            must_be_found(&gpu, &examples, fault, running, as_it_is);
        }
    }
}
