//! The GPUs of a machine.

use crate::error::WgpuError;
use crate::gpu::Gpu;
use crate::requirements::Requirements;
use mimlet_runtime::DeviceLimits;
use std::fmt;
use wgpu::{Backends, DeviceType, Features};

/// The GPUs of a machine, best first: discrete, integrated, virtual, then software.
pub struct Adapters {
    adapters: Vec<wgpu::Adapter>,
    searched: Backends,
}

/// Which GPU to open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Choice {
    /// The first of the list.
    #[default]
    Best,
    /// A position in the list.
    Index(usize),
    /// The first whose name, driver or backend contains this, in any case of letters.
    Name(String),
}

/// A GPU, for people and for target profiles.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterDescription {
    /// The device's name.
    pub name: String,
    /// The graphics interface: `vulkan`, `metal`, `dx12`, `gl`.
    pub backend: &'static str,
    /// `discrete`, `integrated`, `virtual`, `software` or `other`.
    pub kind: &'static str,
    /// The driver's name; empty when unknown.
    pub driver: String,
    /// The driver's version; empty when unknown.
    pub driver_info: String,
    /// What a plan is held to. Memory is unknown to wgpu.
    pub limits: DeviceLimits,
    /// Those of wgpu's features that faster kernels could use.
    pub features: Vec<&'static str>,
}

impl Adapters {
    /// The GPUs that show themselves through Vulkan, Metal or Direct3D 12; when there is none, those
    /// of OpenGL, which would be the same devices with fewer abilities. `WGPU_BACKEND` narrows the
    /// search, as with any program that uses wgpu.
    #[cfg(not(target_arch = "wasm32"))]
    #[must_use]
    pub fn list() -> Self {
        pollster::block_on(Self::list_async())
    }

    /// As `Adapters::list`, where nothing may wait: in a browser, which shows the one GPU that it
    /// likes best, if any, through WebGPU.
    pub async fn list_async() -> Self {
        let backends = Backends::from_env().unwrap_or(Backends::all());
        let found = Self::on_async(backends & Backends::PRIMARY).await;
        if found.adapters.is_empty() {
            return Self {
                searched: backends,
                ..Self::on_async(backends & Backends::SECONDARY).await
            };
        }
        found
    }

    /// The GPUs of these backends.
    #[cfg(not(target_arch = "wasm32"))]
    #[must_use]
    pub fn on(backends: Backends) -> Self {
        pollster::block_on(Self::on_async(backends))
    }

    async fn on_async(backends: Backends) -> Self {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = backends;
        let instance = wgpu::Instance::new(descriptor);
        let mut adapters = instance.enumerate_adapters(backends).await;
        adapters.sort_by_key(|adapter| rank(adapter.get_info().device_type));
        Self {
            adapters,
            searched: backends,
        }
    }

    /// What each adapter is, in the order of [`Choice::Index`].
    #[must_use]
    pub fn describe(&self) -> Vec<AdapterDescription> {
        self.adapters.iter().map(AdapterDescription::of).collect()
    }

    /// Opens one of the adapters.
    ///
    /// # Errors
    /// [`WgpuError`]: there is none, it has less than required, or its driver refuses.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open(&self, choice: &Choice, requirements: &Requirements<'_>) -> Result<Gpu, WgpuError> {
        pollster::block_on(self.open_async(choice, requirements))
    }

    /// As `Adapters::open`, where nothing may wait: in a browser.
    ///
    /// # Errors
    /// As `Adapters::open`.
    pub async fn open_async(
        &self,
        choice: &Choice,
        requirements: &Requirements<'_>,
    ) -> Result<Gpu, WgpuError> {
        Gpu::on(self.choose(choice)?, requirements).await
    }

    pub(crate) fn choose(&self, choice: &Choice) -> Result<&wgpu::Adapter, WgpuError> {
        if self.adapters.is_empty() {
            return Err(WgpuError::NoAdapter {
                searched: backend_names(self.searched),
            });
        }
        let position = match choice {
            Choice::Best => Some(0),
            Choice::Index(index) => Some(*index),
            Choice::Name(part) => {
                let part = part.to_lowercase();
                let mut descriptions = self.describe().into_iter();
                descriptions.position(|d| d.to_string().to_lowercase().contains(&part))
            }
        };
        let adapter = position.and_then(|position| self.adapters.get(position));
        adapter.ok_or_else(|| WgpuError::NoSuchAdapter {
            wanted: match choice {
                Choice::Best => "the best".into(),
                Choice::Index(index) => format!("number {index}"),
                Choice::Name(part) => format!("named {part:?}"),
            },
            found: numbered(&self.describe()),
        })
    }
}

impl fmt::Debug for Adapters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.describe()).finish()
    }
}

impl AdapterDescription {
    pub(crate) fn of(adapter: &wgpu::Adapter) -> Self {
        let info = adapter.get_info();
        Self {
            // Browsers keep it to themselves.
            name: match info.name.as_str() {
                "" => "GPU without a name".to_owned(),
                name => name.to_owned(),
            },
            backend: info.backend.to_str(),
            kind: kind(info.device_type),
            driver: info.driver,
            driver_info: info.driver_info,
            limits: device_limits(&adapter.limits()),
            features: relevant_features(adapter.features()),
        }
    }

    /// Whether it computes on the CPU: no faster than the CPU backend, but good for tests.
    #[must_use]
    pub fn is_software(&self) -> bool {
        self.kind == kind(DeviceType::Cpu)
    }
}

/// `vulkan llvmpipe (LLVM 15.0.6, 256 bits), llvmpipe Mesa 22.3.6 (LLVM 15.0.6)`.
impl fmt::Display for AdapterDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.backend, self.name)?;
        let driver = format!("{} {}", self.driver, self.driver_info);
        match driver.trim() {
            "" => Ok(()),
            driver => write!(f, ", {driver}"),
        }
    }
}

/// What a plan is held to, from wgpu's limits.
pub(crate) fn device_limits(limits: &wgpu::Limits) -> DeviceLimits {
    DeviceLimits {
        max_binding_bytes: limits
            .max_storage_buffer_binding_size
            .min(limits.max_buffer_size),
        max_storage_buffers: limits.max_storage_buffers_per_shader_stage,
        max_workgroup_bytes: limits.max_compute_workgroup_storage_size,
        max_invocations: limits.max_compute_invocations_per_workgroup,
        max_workgroups: limits.max_compute_workgroups_per_dimension,
        memory_bytes: None,
    }
}

fn rank(device: DeviceType) -> u8 {
    match device {
        DeviceType::DiscreteGpu => 0,
        DeviceType::IntegratedGpu => 1,
        DeviceType::VirtualGpu => 2,
        DeviceType::Other => 3,
        DeviceType::Cpu => 4,
    }
}

fn kind(device: DeviceType) -> &'static str {
    match device {
        DeviceType::DiscreteGpu => "discrete",
        DeviceType::IntegratedGpu => "integrated",
        DeviceType::VirtualGpu => "virtual",
        DeviceType::Cpu => "software",
        DeviceType::Other => "other",
    }
}

fn relevant_features(features: Features) -> Vec<&'static str> {
    let named = [
        (Features::SHADER_F16, "shader-f16"),
        (Features::SUBGROUP, "subgroup"),
        (Features::TIMESTAMP_QUERY, "timestamp-query"),
        (Features::PIPELINE_CACHE, "pipeline-cache"),
        (
            Features::MAPPABLE_PRIMARY_BUFFERS,
            "mappable-primary-buffers",
        ),
        (
            Features::EXPERIMENTAL_COOPERATIVE_MATRIX,
            "cooperative-matrix",
        ),
    ];
    let present = named
        .into_iter()
        .filter(|(feature, _)| features.contains(*feature));
    present.map(|(_, name)| name).collect()
}

/// Those of the backends that this build has.
fn backend_names(backends: Backends) -> String {
    let compiled = backends & wgpu::Instance::enabled_backend_features();
    let names: Vec<String> = compiled
        .iter_names()
        .map(|(name, _)| name.to_lowercase())
        .collect();
    if names.is_empty() {
        "no backend".into()
    } else {
        names.join(", ")
    }
}

fn numbered(descriptions: &[AdapterDescription]) -> String {
    let numbered = descriptions.iter().enumerate();
    let lines: Vec<String> = numbered
        .map(|(index, d)| format!("{index} ({d})"))
        .collect();
    lines.join(", ")
}
