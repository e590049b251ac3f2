//! What this machine has besides GPUs.

use std::thread::available_parallelism;

use mimlet_export::Simd;
use mimlet_kernels::Level;
use serde::Serialize;

/// A CPU and its memory.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Machine {
    /// The instructions its kernels use.
    pub(super) level: &'static str,
    pub(super) threads: usize,
    /// Vector instructions it has.
    pub(super) simd: Vec<Simd>,
    /// RAM; `None` where the system does not tell.
    pub(super) ram_bytes: Option<u64>,
}

impl Machine {
    /// The one this runs on.
    pub(super) fn here() -> Self {
        Self {
            level: Level::detect().name(),
            threads: available_parallelism().map_or(1, usize::from),
            simd: simd(),
            ram_bytes: ram_bytes(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn simd() -> Vec<Simd> {
    [
        (Simd::Avx2, is_x86_feature_detected!("avx2")),
        (Simd::Avx512, is_x86_feature_detected!("avx512f")),
        (Simd::Avx512Vnni, is_x86_feature_detected!("avx512vnni")),
    ]
    .into_iter()
    .filter_map(|(simd, present)| present.then_some(simd))
    .collect()
}

#[cfg(target_arch = "aarch64")]
fn simd() -> Vec<Simd> {
    use std::arch::is_aarch64_feature_detected;
    [
        (Simd::Neon, is_aarch64_feature_detected!("neon")),
        (Simd::Fp16, is_aarch64_feature_detected!("fp16")),
        (Simd::Dotprod, is_aarch64_feature_detected!("dotprod")),
        (Simd::I8mm, is_aarch64_feature_detected!("i8mm")),
    ]
    .into_iter()
    .filter_map(|(simd, present)| present.then_some(simd))
    .collect()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn simd() -> Vec<Simd> {
    Vec::new()
}

fn ram_bytes() -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

/// The `MemTotal` line of Linux's `/proc/meminfo` (man 5 proc_meminfo), in kibibytes.
fn parse(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn memory_is_read_in_bytes() {
        let meminfo = "MemTotal:        8000000 kB\nMemFree:   12 kB\n";
        assert_eq!(parse(meminfo), Some(8_192_000_000));
        assert_eq!(parse("MemFree: 12 kB\n"), None);
    }
}
