//! What a device offers: `targets/*.toml`, read or built in.

use crate::ExportError;
use mimlet_format::{DType, Manifest, TensorRole};
use mimlet_runtime::{DeviceLimits, Plan};
use serde::Deserialize;
use std::path::Path;

/// A device that a model can be held to. `targets/README.md` explains each field.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The target's name: the file's, without `.toml`.
    pub name: String,
    /// What the device is, in a line.
    pub summary: String,
    /// Where each limit comes from.
    pub sources: Vec<String>,
    /// Rust's target triple of a build for it; absent when there is more than one.
    pub triple: Option<String>,
    /// Bytes of RAM that a model may use.
    pub memory_bytes: Option<u64>,
    /// Bytes of flash for the whole file, on a device that runs weights in place; then they take no
    /// RAM.
    pub flash_bytes: Option<u64>,
    /// Element types that weights may have.
    pub weights: Vec<WeightType>,
    /// Milliseconds that an image may take; for reports, no check yet depends on it.
    pub latency_budget_ms: Option<u32>,
    /// What its GPU offers; absent when there is none to use.
    pub gpu: Option<GpuLimits>,
}

/// Element types of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightType {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// Signed bytes.
    I8,
}

/// What a GPU offers, in WebGPU's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpuLimits {
    /// `maxStorageBufferBindingSize`.
    pub max_binding_bytes: u64,
    /// `maxStorageBuffersPerShaderStage`.
    pub max_storage_buffers: u32,
    /// `maxComputeWorkgroupStorageSize`.
    pub max_workgroup_bytes: u32,
    /// `maxComputeInvocationsPerWorkgroup`.
    pub max_invocations: u32,
    /// `maxComputeWorkgroupsPerDimension`.
    pub max_workgroups: u32,
}

/// The files of `targets/`, so that an installed program knows them.
const BUNDLED: [&str; 6] = [
    include_str!("../../targets/cortex-m7.toml"),
    include_str!("../../targets/desktop.toml"),
    include_str!("../../targets/downlevel.toml"),
    include_str!("../../targets/raspberry-pi-4.toml"),
    include_str!("../../targets/raspberry-pi-5.toml"),
    include_str!("../../targets/webgpu-default.toml"),
];

impl Target {
    /// Reads a target's file.
    ///
    /// # Errors
    /// [`ExportError::Io`], or [`ExportError::Content`] naming the field.
    pub fn read(path: &Path) -> Result<Self, ExportError> {
        let text = std::fs::read_to_string(path).map_err(ExportError::io(path))?;
        Self::parse(&text).map_err(|reason| ExportError::content(path, reason))
    }

    fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| format!("not a target: {}", error.message()))
    }

    /// The targets this program was built with, by name.
    ///
    /// ```
    /// use mimlet_export::Target;
    /// let names: Vec<String> = Target::bundled().map(|target| target.name).collect();
    /// assert!(names.contains(&"raspberry-pi-5".to_owned()));
    /// ```
    pub fn bundled() -> impl Iterator<Item = Self> {
        // A test parses every one of them.
        BUNDLED.iter().filter_map(|text| Self::parse(text).ok())
    }

    /// A target this program was built with.
    ///
    /// # Errors
    /// [`ExportError::Config`] listing the names there are.
    pub fn named(name: &str) -> Result<Self, ExportError> {
        Self::bundled()
            .find(|target| target.name == name)
            .ok_or_else(|| {
                let names: Vec<String> = Self::bundled().map(|target| target.name).collect();
                ExportError::Config {
                    field: "target",
                    reason: format!("{name} is none of {}", names.join(", ")),
                }
            })
    }

    /// The limits a plan must keep. A target without a GPU bounds memory alone.
    #[must_use]
    pub fn limits(&self) -> DeviceLimits {
        let memory_bytes = match self.flash_bytes {
            Some(_) => None, // Weights stay in flash: `fits` counts the two apart.
            None => self.memory_bytes,
        };
        let gpu = self.gpu.unwrap_or(GpuLimits {
            max_binding_bytes: u64::MAX,
            max_storage_buffers: u32::MAX,
            max_workgroup_bytes: u32::MAX,
            max_invocations: u32::MAX,
            max_workgroups: u32::MAX,
        });
        DeviceLimits {
            max_binding_bytes: gpu.max_binding_bytes,
            max_storage_buffers: gpu.max_storage_buffers,
            max_workgroup_bytes: gpu.max_workgroup_bytes,
            max_invocations: gpu.max_invocations,
            max_workgroups: gpu.max_workgroups,
            memory_bytes,
        }
    }

    /// Holds a packed file of `file_len` bytes, its manifest and its plan to the target.
    ///
    /// # Errors
    /// [`ExportError::Target`] or [`ExportError::TargetRefuses`], naming what exceeds which limit.
    pub fn fits(&self, manifest: &Manifest, plan: &Plan, file_len: u64) -> Result<(), ExportError> {
        let refuse = |reason| {
            Err(ExportError::TargetRefuses {
                target: self.name.clone(),
                reason,
            })
        };
        let unusable = manifest
            .tensors
            .iter()
            .find(|entry| !matches!(entry.role, TensorRole::Golden(_)) && !self.takes(entry.dtype));
        if let Some(entry) = unusable {
            let (role, dtype) = (entry.role, entry.dtype);
            return refuse(format!(
                "tensor {role} is {dtype}, which it has no kernels for"
            ));
        }
        if self.gpu.is_some() {
            plan.fits(&self.limits())
                .map_err(|source| ExportError::Target {
                    target: self.name.clone(),
                    source,
                })?;
        }
        if let Some(flash) = self.flash_bytes.filter(|&flash| file_len > flash) {
            return refuse(format!(
                "the file takes {file_len} bytes of its {flash} of flash"
            ));
        }
        let weights = match self.flash_bytes {
            Some(_) => 0,
            None => plan.weight_bytes(),
        };
        let needed = weights + plan.activation_bytes();
        match self.memory_bytes {
            Some(memory) if needed > memory => refuse(format!(
                "weights and buffers take {needed} bytes of its {memory} of RAM"
            )),
            _ => Ok(()),
        }
    }

    fn takes(&self, dtype: DType) -> bool {
        let asked = match dtype {
            DType::F32 => WeightType::F32,
            DType::F16 => WeightType::F16,
            // Kernels widen 4-bit weights to bytes: what multiplies bytes takes them.
            DType::I8 | DType::I4 => WeightType::I8,
            DType::U8 | DType::U32 => return true,
        };
        self.weights.contains(&asked)
    }
}

#[cfg(test)]
mod tests {
    use super::{BUNDLED, Target};

    #[test]
    fn every_bundled_target_parses_and_states_its_sources() {
        for text in BUNDLED {
            let target = Target::parse(text).unwrap();
            assert!(!target.sources.is_empty(), "{} has no source", target.name);
            assert!(
                !target.weights.is_empty(),
                "{} takes no weights",
                target.name
            );
        }
        assert_eq!(Target::bundled().count(), BUNDLED.len());
    }

    #[test]
    fn every_file_in_the_targets_folder_is_bundled_under_its_own_name() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../targets");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "toml")
            })
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        let bundled: Vec<String> = Target::bundled().map(|target| target.name).collect();
        assert_eq!(bundled, names);
    }

    #[test]
    fn an_unknown_field_is_refused_by_name() {
        let text = BUNDLED[0].replace("summary", "sumary");
        assert!(Target::parse(&text).unwrap_err().contains("sumary"));
    }
}
