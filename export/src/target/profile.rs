//! A target's fields, and which of them may stand together.

use mimlet_format::{DType, Scheme};
use mimlet_runtime::DeviceLimits;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

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
    /// Bytes of RAM the device has.
    pub ram_bytes: Option<u64>,
    /// Bytes that the system leaves one program before it ends it.
    pub app_memory_bytes: Option<u64>,
    /// Bytes of RAM that a model may use: weights, buffers and scratch.
    pub memory_bytes: Option<u64>,
    /// Bytes of flash for the whole file, on a device that runs weights in place; then they take no
    /// RAM.
    pub flash_bytes: Option<u64>,
    /// Element types that weights may have.
    pub weights: Vec<WeightType>,
    /// How weights are stored for it when nobody says otherwise; see
    /// [`preferred_scheme`](Self::preferred_scheme).
    #[serde(default, deserialize_with = "stated_scheme")]
    pub scheme: Option<Scheme>,
    /// Milliseconds that an image may take; for reports, no check depends on it.
    pub latency_budget_ms: Option<u32>,
    /// What its CPU offers.
    pub cpu: Option<CpuProfile>,
    /// What its GPU offers; absent when there is none to use.
    pub gpu: Option<GpuLimits>,
}

fn stated_scheme<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Scheme>, D::Error> {
    SchemeName::deserialize(value).map(Some)
}

/// [`Scheme`], as a target's file and the command line spell it.
#[derive(Deserialize)]
#[serde(remote = "Scheme", rename_all = "lowercase")]
enum SchemeName {
    F32,
    F16,
    Int8,
    Int4,
}

/// Element types of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightType {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// Signed bytes.
    I8,
    /// Signed 4-bit integers, which kernels widen to bytes.
    I4,
}

impl WeightType {
    /// The element type that this is as a weight's; `None` for one that no weight has.
    pub(super) fn of(dtype: DType) -> Option<Self> {
        match dtype {
            DType::F32 => Some(Self::F32),
            DType::F16 => Some(Self::F16),
            DType::I8 => Some(Self::I8),
            DType::I4 => Some(Self::I4),
            DType::U8 | DType::U32 => None,
        }
    }

    /// The element type of the linear layers that a scheme stores; of a mixed one's, most of them.
    pub(super) fn of_scheme(scheme: Scheme) -> Self {
        match scheme {
            Scheme::F32 => Self::F32,
            Scheme::F16 => Self::F16,
            Scheme::Int8 | Scheme::Mixed => Self::I8,
            Scheme::Int4 => Self::I4,
        }
    }
}

impl fmt::Display for WeightType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::I8 => "i8",
            Self::I4 => "i4",
        })
    }
}

/// What a CPU offers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CpuProfile {
    /// Cores that a model may run on. Each takes scratch memory of its own.
    pub cores: u32,
    /// Vector instructions.
    pub simd: Vec<Simd>,
}

/// Vector instructions that kernels have, or could have, a version for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Simd {
    /// Arm: 128-bit vectors (Advanced SIMD).
    Neon,
    /// Arm: arithmetic on f16 vectors (FEAT_FP16).
    Fp16,
    /// Arm: four-way byte dot products (FEAT_DotProd).
    Dotprod,
    /// Arm: byte matrix products (FEAT_I8MM).
    I8mm,
    /// Arm M-profile: two 16-bit products at once (DSP extension).
    Dsp,
    /// x86: 256-bit vectors.
    Avx2,
    /// x86: 512-bit vectors (AVX-512F).
    Avx512,
    /// x86: four-way byte dot products (AVX-512 VNNI).
    Avx512Vnni,
    /// WebAssembly: 128-bit vectors.
    Simd128,
}

impl Simd {
    /// The processors that have it: `arm`, `arm-m`, `x86` or `wasm`.
    #[must_use]
    pub fn architecture(self) -> &'static str {
        match self {
            Self::Neon | Self::Fp16 | Self::Dotprod | Self::I8mm => "arm",
            Self::Dsp => "arm-m",
            Self::Avx2 | Self::Avx512 | Self::Avx512Vnni => "x86",
            Self::Simd128 => "wasm",
        }
    }
}

impl fmt::Display for Simd {
    /// As a target's file spells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Neon => "neon",
            Self::Fp16 => "fp16",
            Self::Dotprod => "dotprod",
            Self::I8mm => "i8mm",
            Self::Dsp => "dsp",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Avx512Vnni => "avx512-vnni",
            Self::Simd128 => "simd128",
        })
    }
}

/// What a GPU offers, in WebGPU's terms.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpuLimits {
    /// `maxStorageBufferBindingSize`.
    pub max_binding_bytes: u64,
    /// `maxBufferSize`.
    pub max_buffer_bytes: u64,
    /// `maxStorageBuffersPerShaderStage`.
    pub max_storage_buffers: u32,
    /// `maxComputeWorkgroupStorageSize`.
    pub max_workgroup_bytes: u32,
    /// `maxComputeInvocationsPerWorkgroup`.
    pub max_invocations: u32,
    /// `maxComputeWorkgroupsPerDimension`.
    pub max_workgroups: u32,
    /// Whether shaders compute on f16 (WebGPU's `shader-f16`).
    #[serde(default)]
    pub shader_f16: bool,
    /// Whether `dot4I8Packed` is one instruction.
    #[serde(default)]
    pub dot4_i8: bool,
    /// Smallest and largest number of invocations in a subgroup; absent without subgroups.
    pub subgroup_size: Option<[u32; 2]>,
    /// Milliseconds of one dispatch after which the system resets the GPU.
    pub watchdog_ms: Option<u32>,
    /// Billions of f32 operations a second that a dispatch is taken to reach at least.
    pub gflops: Option<f64>,
}

impl Target {
    /// A target from the text of its file.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let target: Self =
            toml::from_str(text).map_err(|error| format!("not a target: {}", error.message()))?;
        target.check()?;
        Ok(target)
    }

    /// Fields that contradict each other make proofs worthless.
    fn check(&self) -> Result<(), String> {
        if self.weights.is_empty() {
            return Err("weights is empty: name at least one element type".to_owned());
        }
        let preferred = WeightType::of_scheme(self.preferred_scheme());
        if !self.weights.contains(&preferred) {
            return Err(format!(
                "scheme stores weights as {preferred}, which weights does not list"
            ));
        }
        let sizes = [
            ("memory_bytes", self.memory_bytes),
            ("app_memory_bytes", self.app_memory_bytes),
            ("ram_bytes", self.ram_bytes),
        ];
        let stated: Vec<_> = sizes
            .iter()
            .filter_map(|(field, size)| size.map(|size| (field, size)))
            .collect();
        for pair in stated.windows(2) {
            let ((small, least), (large, most)) = (pair[0], pair[1]);
            if least > most {
                return Err(format!("{small} is {least}, more than {large}, {most}"));
            }
        }
        if self.cpu.as_ref().is_some_and(|cpu| cpu.cores == 0) {
            return Err("cpu.cores is 0: it must be at least 1".to_owned());
        }
        self.gpu.as_ref().map_or(Ok(()), GpuLimits::check)
    }

    /// The limits a plan must keep on the target's GPU. Memory is not among them: whether weights
    /// count depends on where they lie.
    #[must_use]
    pub fn limits(&self) -> Option<DeviceLimits> {
        self.gpu.map(|gpu| DeviceLimits {
            max_binding_bytes: gpu.max_binding_bytes,
            max_storage_buffers: gpu.max_storage_buffers,
            max_workgroup_bytes: gpu.max_workgroup_bytes,
            max_invocations: gpu.max_invocations,
            max_workgroups: gpu.max_workgroups,
            memory_bytes: None,
        })
    }

    /// How weights are stored when nobody says otherwise: as the target says, else in int8, or in the
    /// first of f16, f32 and int4 that it takes.
    #[must_use]
    pub fn preferred_scheme(&self) -> Scheme {
        let taken = [Scheme::Int8, Scheme::F16, Scheme::F32, Scheme::Int4]
            .into_iter()
            .find(|&scheme| self.weights.contains(&WeightType::of_scheme(scheme)));
        self.scheme.or(taken).unwrap_or(Scheme::Int8)
    }

    /// Whether weights may be f16. Where they may not, the patch embedding, which has no scale for
    /// bytes, is stored in f32.
    #[must_use]
    pub fn takes_f16(&self) -> bool {
        self.weights.contains(&WeightType::F16)
    }
}

impl GpuLimits {
    fn check(&self) -> Result<(), String> {
        if self.max_binding_bytes > self.max_buffer_bytes {
            return Err("gpu.max_binding_bytes is above gpu.max_buffer_bytes".to_owned());
        }
        if self.watchdog_ms.is_some() && self.gflops.is_none() {
            return Err("gpu.watchdog_ms says nothing without gpu.gflops: state both".to_owned());
        }
        if self
            .gflops
            .is_some_and(|gflops| gflops.is_nan() || gflops <= 0.0)
        {
            return Err("gpu.gflops must be above 0".to_owned());
        }
        match self.subgroup_size {
            Some([least, most]) if least == 0 || least > most => Err(format!(
                "gpu.subgroup_size is [{least}, {most}]: the smallest comes first, from 1"
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Target;
    use mimlet_format::Scheme;

    const TEXT: &str = r#"
name = "board"
summary = "a board"
sources = ["made up for this test"]
ram_bytes = 4096
memory_bytes = 1024
weights = ["f32", "i8"]
scheme = "int8"

[cpu]
cores = 2
simd = ["neon", "dotprod"]

[gpu]
max_binding_bytes = 512
max_buffer_bytes = 1024
max_storage_buffers = 8
max_workgroup_bytes = 16384
max_invocations = 128
max_workgroups = 65535
subgroup_size = [8, 32]
watchdog_ms = 500
gflops = 1.5
"#;

    #[test]
    fn a_whole_file_is_read() {
        let target = Target::parse(TEXT).unwrap();
        assert_eq!(target.scheme, Some(Scheme::Int8));
        let gpu = target.gpu.unwrap();
        assert_eq!((gpu.gflops, gpu.shader_f16), (Some(1.5), false));
        assert!(!target.takes_f16());
        assert_eq!(target.limits().unwrap().max_binding_bytes, 512);
    }

    #[test]
    fn a_target_that_states_no_scheme_gets_one_that_it_takes() {
        let silent = TEXT.replace("scheme = \"int8\"", "");
        let preferred = |weights: &str| {
            let text = silent.replace("[\"f32\", \"i8\"]", weights);
            Target::parse(&text).unwrap().preferred_scheme()
        };
        assert_eq!(preferred("[\"f32\", \"i8\"]"), Scheme::Int8);
        assert_eq!(preferred("[\"f32\", \"f16\"]"), Scheme::F16);
        assert_eq!(preferred("[\"f32\"]"), Scheme::F32);
    }

    #[test]
    fn unknown_fields_and_names_are_refused_by_name() {
        for (from, to, mention) in [
            ("summary", "sumary", "sumary"),
            ("cores", "coers", "coers"),
            ("gflops", "gigaflops", "gigaflops"),
            ("\"neon\"", "\"nein\"", "nein"),
            ("\"int8\"", "\"int9\"", "int9"),
            ("[\"f32\", \"i8\"]", "[\"f64\"]", "f64"),
        ] {
            let error = Target::parse(&TEXT.replace(from, to)).unwrap_err();
            assert!(error.contains(mention), "{error}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for (from, to, mention) in [
            ("\"int8\"", "\"f16\"", "scheme stores weights as f16"),
            (
                "memory_bytes = 1024",
                "memory_bytes = 8192",
                "more than ram_bytes",
            ),
            ("cores = 2", "cores = 0", "cpu.cores"),
            (
                "max_buffer_bytes = 1024",
                "max_buffer_bytes = 256",
                "max_binding_bytes",
            ),
            ("gflops = 1.5", "", "gpu.gflops"),
            ("gflops = 1.5", "gflops = nan", "gpu.gflops"),
            ("[8, 32]", "[32, 8]", "gpu.subgroup_size"),
            (
                "weights = [\"f32\", \"i8\"]",
                "weights = []",
                "weights is empty",
            ),
        ] {
            let error = Target::parse(&TEXT.replace(from, to)).unwrap_err();
            assert!(error.contains(mention), "{mention}: {error}");
        }
    }
}
