//! Which devices this build can see on this machine.

#[cfg(any(feature = "vulkan", feature = "metal"))]
use burn::tensor::DeviceKind;
use burn::tensor::{Device, DeviceType};

use super::name::Kind;
use super::trial::quietly;

/// Kinds of GPU, the one to take first first.
pub(super) const GPUS: [Kind; 4] = [Kind::Cuda, Kind::Metal, Kind::Rocm, Kind::Vulkan];

/// A device that can be opened.
#[derive(Debug, Clone)]
pub(super) struct Adapter {
    /// To compute on.
    pub(super) device: Device,
    /// Whether it is hardware: lavapipe and its like run on the CPU.
    pub(super) is_real: bool,
}

/// The devices of a kind, real ones first.
///
/// # Errors
/// That the kind is not in this build.
pub(super) fn of(kind: Kind) -> Result<Vec<Adapter>, String> {
    match kind {
        Kind::Cpu => Ok(list(DeviceType::Flex, None)),
        #[cfg(feature = "cuda")]
        Kind::Cuda => Ok(list(DeviceType::Cuda, None)),
        #[cfg(feature = "rocm")]
        Kind::Rocm => Ok(list(DeviceType::Rocm, None)),
        #[cfg(feature = "vulkan")]
        Kind::Vulkan if !has_vulkan() => Ok(Vec::new()),
        #[cfg(feature = "vulkan")]
        Kind::Vulkan => Ok(list(VULKAN, Some(software_vulkan()))),
        #[cfg(feature = "metal")]
        Kind::Metal => {
            let software = Device::metal(DeviceKind::Cpu);
            Ok(list(DeviceType::Metal, Some(software)))
        }
        #[cfg(not(all(
            feature = "cuda",
            feature = "vulkan",
            feature = "metal",
            feature = "rocm"
        )))]
        _ => Err(format!(
            "not in this build; build with --features {}",
            kind.word()
        )),
    }
}

/// Vulkan with kernels in SPIR-V of burn's own compiler.
#[cfg(feature = "spirv")]
const VULKAN: DeviceType = DeviceType::Vulkan;

/// Vulkan with kernels in WGSL: away from Apple's systems, it is the API that burn chooses where it
/// is there.
#[cfg(all(feature = "vulkan", not(feature = "spirv")))]
const VULKAN: DeviceType = DeviceType::Wgpu;

/// Whether any driver offers Vulkan: where none does, burn's choice would be OpenGL.
#[cfg(feature = "vulkan")]
fn has_vulkan() -> bool {
    use burn::tensor::wgpu::wgpu::{Backends, Instance, InstanceDescriptor};
    let mut descriptor = InstanceDescriptor::new_without_display_handle();
    descriptor.backends = Backends::VULKAN;
    let adapters = Instance::new(descriptor).enumerate_adapters(Backends::VULKAN);
    !pollster::block_on(adapters).is_empty()
}

/// The Vulkan driver that runs on the CPU, whether there is one or not.
#[cfg(feature = "vulkan")]
pub(crate) fn software_vulkan() -> Device {
    #[cfg(feature = "spirv")]
    return Device::vulkan(DeviceKind::Cpu);
    #[cfg(not(feature = "spirv"))]
    Device::wgpu(DeviceKind::Cpu)
}

/// Set to anything to have drivers counted that run on the CPU, in a build that compiles kernels to
/// SPIR-V itself. They are not by default: Mesa 22.3's lavapipe, Debian 12's, crashes on that SPIR-V
/// and takes the process with it. What naga makes of WGSL it runs.
const SOFTWARE: &str = "MIMLET_SOFTWARE_GPU";

/// What burn finds, with `software` last where it is counted. A driver that cannot even be asked
/// has no devices.
fn list(kind: DeviceType, software: Option<Device>) -> Vec<Adapter> {
    let devices = quietly(|| Device::enumerate(kind).into_vec()).unwrap_or_default();
    let adapter = |device| Adapter {
        is_real: software.as_ref() != Some(&device),
        device,
    };
    let mut adapters: Vec<_> = devices.into_iter().map(adapter).collect();
    let counts_software = !cfg!(feature = "spirv") || std::env::var_os(SOFTWARE).is_some();
    adapters.retain(|adapter| adapter.is_real || counts_software);
    adapters.sort_by_key(|adapter| !adapter.is_real);
    adapters
}

/// A device's own name.
#[cfg(any(
    feature = "cuda",
    feature = "vulkan",
    feature = "metal",
    feature = "rocm"
))]
pub(super) fn identity(device: &Device) -> Option<String> {
    Some(device.identity()?.name)
}

/// A device's own name: the CPU has none.
#[cfg(not(any(
    feature = "cuda",
    feature = "vulkan",
    feature = "metal",
    feature = "rocm"
)))]
pub(super) fn identity(_device: &Device) -> Option<String> {
    None
}
