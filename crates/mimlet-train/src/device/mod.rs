//! The device that burn computes on, by the name that `--device` gives it.

pub(crate) mod adapters;
mod name;
pub(crate) mod trial;

use burn::tensor::{Device, FloatDType};

use self::adapters::{Adapter, GPUS};
use self::name::{Kind, Name};
use crate::collective;
use crate::error::TrainError;

/// What `--help` says of `--device`.
pub const HELP: &str = "auto, cpu, cuda, vulkan, metal or rocm, with :INDEX for one of several. \
                        auto is the best real GPU of this build and machine, else the CPU";

/// The device called `name`, opened and tried: `auto`, or a kind such as `cuda` with an optional
/// `:INDEX`.
///
/// `auto` takes the best GPU that this build and this machine have, and never one that a CPU
/// emulates. Without an index, the processes of one run on one machine share its GPUs out among
/// themselves, in the order of their ranks.
///
/// # Errors
/// [`TrainError::Device`] for an unknown name, and for a device that is not in this build, not on
/// this machine, or cannot be opened.
pub fn by_name(name: &str) -> Result<Device, TrainError> {
    let name = Name::parse(name)?;
    let place = collective::local_rank();
    let Some(kind) = name.kind else {
        return Ok(automatic(place));
    };
    let adapters = adapters::of(kind).map_err(|reason| name.error(reason))?;
    let adapter = pick(&name, kind, adapters, place)?;
    trial::open(&adapter.device).map_err(|reason| name.error(reason))?;
    Ok(adapter.device)
}

/// The first real GPU that works, by order of kinds; else the CPU.
fn automatic(place: usize) -> Device {
    for kind in GPUS {
        let adapters = adapters::of(kind).unwrap_or_default();
        let real: Vec<_> = adapters.into_iter().filter(|it| it.is_real).collect();
        if real.is_empty() {
            continue;
        }
        let device = &real[place % real.len()].device;
        match trial::open(device) {
            Ok(()) => return device.clone(),
            Err(reason) => eprintln!("mimlet-train: going on without {kind}: {reason}"),
        }
    }
    Device::flex()
}

/// The adapter of the name's index, or this process's share of them.
fn pick(
    name: &Name,
    kind: Kind,
    mut adapters: Vec<Adapter>,
    place: usize,
) -> Result<Adapter, TrainError> {
    if adapters.is_empty() {
        let reason = format!("this machine has no {kind} device; {}", kind.needs());
        return Err(name.error(reason));
    }
    // A GPU that a CPU emulates is taken without an index only where there is no real one.
    let real = adapters.iter().filter(|adapter| adapter.is_real).count();
    let shared = if real > 0 { real } else { adapters.len() };
    let index = name.index.unwrap_or(place % shared);
    if index >= adapters.len() {
        let count = adapters.len();
        return Err(name.error(format!(
            "this machine has {count} {kind} device(s), counted from 0"
        )));
    }
    Ok(adapters.swap_remove(index))
}

/// Every device that this build can see on this machine, by the name that `--device` gives it.
pub fn list() -> Vec<(String, Device)> {
    let mut devices = vec![("cpu".to_owned(), Device::flex())];
    for kind in GPUS {
        let adapters = adapters::of(kind).unwrap_or_default();
        let named = adapters.into_iter().enumerate();
        devices.extend(named.map(|(index, it)| (format!("{}:{index}", kind.word()), it.device)));
    }
    devices
}

/// `device` in words, for logs and messages: its own name where it has one.
pub fn describe(device: &Device) -> String {
    if *device == Device::flex() {
        return "cpu".into();
    }
    adapters::identity(device).unwrap_or_else(|| format!("{device:?}"))
}

/// Whether `device` computes in bf16, not merely stores it. The CPU does not: it would convert
/// back and forth for every product.
pub fn supports_bf16(device: &Device) -> bool {
    *device != Device::flex() && device.supports_dtype(FloatDType::BF16)
}

#[cfg(test)]
mod tests {
    use super::{Kind, Name, by_name, describe, pick, supports_bf16};
    use crate::device::adapters::Adapter;
    use burn::tensor::Device;

    fn message(name: &str) -> String {
        by_name(name).unwrap_err().to_string()
    }

    #[test]
    fn the_cpu_is_always_there() {
        let device = by_name("cpu").unwrap();
        assert_eq!(device, Device::flex());
        assert_eq!(describe(&device), "cpu");
        assert!(!supports_bf16(&device));
    }

    #[test]
    fn a_name_that_is_none_is_refused_with_those_that_are() {
        for name in ["gpu", "", "cuda:", "cuda:-1", "vulkan:x", "auto:1", "cpu:0"] {
            let message = message(name);
            assert!(message.starts_with("--device "), "{message}");
            assert!(!message.contains('\n'), "{message}");
        }
        assert!(message("gpu").contains("auto, cpu, cuda"));
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_device_of_another_build_is_refused_with_its_feature() {
        assert_eq!(
            message("cuda:1"),
            "--device cuda:1: not in this build; build with --features cuda"
        );
    }

    #[test]
    fn processes_share_real_gpus_and_an_index_reaches_all() {
        // The CPU stands for any device: only the order and the flag matter here.
        let adapter = |is_real| Adapter {
            device: Device::flex(),
            is_real,
        };
        let picked = |text: &str, real: &[bool], place| {
            let name = Name::parse(text).unwrap();
            let adapters = real.iter().map(|&real| adapter(real)).collect();
            pick(&name, Kind::Vulkan, adapters, place).map(|adapter| adapter.is_real)
        };
        // Two GPUs and lavapipe: the third process goes back to the first.
        for place in 0..3 {
            assert!(picked("vulkan", &[true, true, false], place).unwrap());
        }
        assert!(!picked("vulkan:2", &[true, true, false], 0).unwrap());
        assert!(!picked("vulkan", &[false], 1).unwrap());
        assert!(picked("vulkan:3", &[true, true, false], 0).is_err());
        let none = picked("vulkan", &[], 0).unwrap_err().to_string();
        assert!(none.contains("has no Vulkan device"), "{none}");
    }
}
