//! Whether this machine can stand for a target: what fits the target runs here, too.

use mimlet_export::{Simd, Target};
use serde::Serialize;

use super::machine::Machine;
use crate::adapter::AdapterInfo;
use crate::units::bytes;

/// A target, and what this machine has less of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Standing {
    pub(super) name: String,
    pub(super) summary: String,
    /// Whether nothing is lacking.
    pub(super) fits: bool,
    /// What CPU and memory have less of, with both figures; none when all is there.
    pub(super) cpu_lacks: Vec<String>,
    /// The same of the GPU that has the most of it; `None` for a target without one.
    pub(super) gpu_lacks: Option<Vec<String>>,
}

impl Standing {
    /// Of this machine, for a target.
    pub(super) fn of(target: &Target, machine: &Machine, adapters: &[AdapterInfo]) -> Self {
        let cpu_lacks = cpu_lacks(target, machine);
        let gpu_lacks = target.gpu.as_ref().map(|_| {
            adapters
                .iter()
                .map(|adapter| gpu_lacks(target, adapter))
                .min_by_key(Vec::len)
                .unwrap_or_else(|| vec!["no GPU".to_string()])
        });
        Self {
            name: target.name.clone(),
            summary: target.summary.clone(),
            fits: cpu_lacks.is_empty() && gpu_lacks.as_ref().is_none_or(Vec::is_empty),
            cpu_lacks,
            gpu_lacks,
        }
    }
}

/// What a machine has less of than a target's model may use. Instructions of another architecture
/// are not held against it: no number depends on them.
fn cpu_lacks(target: &Target, machine: &Machine) -> Vec<String> {
    let mut lacks = Vec::new();
    if let (Some(wanted), Some(has)) = (target.memory_bytes, machine.ram_bytes)
        && has < wanted
    {
        lacks.push(format!("{} of {} RAM", bytes(has), bytes(wanted)));
    }
    let Some(cpu) = &target.cpu else {
        return lacks;
    };
    if machine.threads < cpu.cores as usize {
        lacks.push(format!("{} of {} cores", machine.threads, cpu.cores));
    }
    let of_ours = |simd: &&Simd| {
        let mut own = machine.simd.iter();
        own.any(|own| own.architecture() == simd.architecture())
    };
    for simd in cpu.simd.iter().filter(of_ours) {
        if !machine.simd.contains(simd) {
            lacks.push(format!("no {simd}"));
        }
    }
    lacks
}

/// What a GPU has less of than a target's; everything for a target without one.
pub(super) fn gpu_lacks(target: &Target, adapter: &AdapterInfo) -> Vec<String> {
    let Some(gpu) = target.gpu else {
        return Vec::new();
    };
    let has = &adapter.limits;
    let mut lacks = Vec::new();
    let mut hold_bytes = |what: &str, has: u64, wanted: u64| {
        if has < wanted {
            lacks.push(format!("{} of {} {what}", bytes(has), bytes(wanted)));
        }
    };
    hold_bytes("a binding", has.max_binding_bytes, gpu.max_binding_bytes);
    hold_bytes(
        "a workgroup",
        has.max_workgroup_bytes.into(),
        gpu.max_workgroup_bytes.into(),
    );
    let mut hold = |what: &str, has: u64, wanted: u64| {
        if has < wanted {
            lacks.push(format!("{has} of {wanted} {what}"));
        }
    };
    hold(
        "storage buffers",
        has.max_storage_buffers.into(),
        gpu.max_storage_buffers.into(),
    );
    hold(
        "invocations",
        has.max_invocations.into(),
        gpu.max_invocations.into(),
    );
    hold(
        "workgroups",
        has.max_workgroups.into(),
        gpu.max_workgroups.into(),
    );
    for (wanted, feature) in [
        (gpu.shader_f16, "shader-f16"),
        (gpu.subgroup_size.is_some(), "subgroup"),
    ] {
        if wanted && !adapter.features.contains(&feature) {
            lacks.push(format!("no {feature}"));
        }
    }
    lacks
}

#[cfg(test)]
mod tests {
    use super::{Standing, cpu_lacks, gpu_lacks};
    use crate::adapter::{AdapterInfo, AdapterLimits};
    use crate::commands::devices::machine::Machine;
    use mimlet_export::{Simd, Target};

    fn machine() -> Machine {
        Machine {
            level: "avx2",
            threads: 8,
            simd: vec![Simd::Avx2],
            ram_bytes: Some(16 << 30),
        }
    }

    fn adapter() -> AdapterInfo {
        AdapterInfo {
            name: "a GPU".to_string(),
            interface: "vulkan",
            kind: "discrete",
            driver: String::new(),
            driver_info: String::new(),
            limits: AdapterLimits {
                max_binding_bytes: u64::MAX,
                max_storage_buffers: 64,
                max_workgroup_bytes: 65_536,
                max_invocations: 1_024,
                max_workgroups: 65_535,
            },
            features: vec!["shader-f16", "subgroup"],
        }
    }

    #[test]
    fn a_large_machine_stands_for_every_target() {
        for target in Target::bundled() {
            let standing = Standing::of(&target, &machine(), &[adapter()]);
            assert!(standing.fits, "{standing:?}");
        }
    }

    #[test]
    fn each_thing_that_lacks_is_named() {
        let target = Target::named("desktop").unwrap();
        let small = Machine {
            threads: 2,
            ram_bytes: Some(1 << 30),
            simd: vec![Simd::Avx512],
            ..machine()
        };
        let expected = ["1.0 GiB of 4.0 GiB RAM", "2 of 4 cores", "no avx2"];
        assert_eq!(cpu_lacks(&target, &small), expected);
        let mut gpu = adapter();
        gpu.limits.max_workgroup_bytes = 16_384;
        gpu.features = vec!["subgroup"];
        let target = Target::named("pixel-8").unwrap();
        let expected = ["16.0 KiB of 32.0 KiB a workgroup", "no shader-f16"];
        assert_eq!(gpu_lacks(&target, &gpu), expected);
    }

    #[test]
    fn another_architecture_s_instructions_are_not_held_against_it() {
        let target = Target::named("raspberry-pi-5").unwrap();
        assert_eq!(cpu_lacks(&target, &machine()), [""; 0]);
        let arm = Machine {
            simd: vec![Simd::Neon],
            ..machine()
        };
        assert_eq!(cpu_lacks(&target, &arm), ["no fp16", "no dotprod"]);
    }

    #[test]
    fn the_gpu_that_lacks_least_counts_and_a_target_without_one_asks_for_none() {
        let target = Target::named("downlevel").unwrap();
        let mut worse = adapter();
        worse.limits.max_storage_buffers = 2;
        let standing = Standing::of(&target, &machine(), &[worse, adapter()]);
        assert_eq!(standing.gpu_lacks, Some(Vec::new()));
        let standing = Standing::of(&target, &machine(), &[]);
        assert_eq!(standing.gpu_lacks, Some(vec!["no GPU".to_string()]));
        let bare = Target::named("cortex-m7").unwrap();
        assert!(Standing::of(&bare, &machine(), &[]).fits);
    }
}
