//! What `--device` may say.

use std::fmt;

use crate::error::TrainError;

/// A kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// burn's flex backend.
    Cpu,
    /// NVIDIA GPUs.
    Cuda,
    /// GPUs with a Vulkan driver.
    Vulkan,
    /// Apple GPUs.
    Metal,
    /// AMD GPUs.
    Rocm,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Cpu, Self::Cuda, Self::Vulkan, Self::Metal, Self::Rocm];

    /// As `--device` and cargo's features have it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Vulkan => "vulkan",
            Self::Metal => "metal",
            Self::Rocm => "rocm",
        }
    }

    /// What a machine without such a device lacks.
    pub(super) fn needs(self) -> &'static str {
        match self {
            Self::Cpu => "build with burn's flex backend",
            Self::Cuda => "an NVIDIA GPU and its driver (libcuda) are needed; see nvidia-smi",
            Self::Vulkan => {
                "a GPU's driver and the Vulkan loader are needed, see vulkaninfo; one that runs \
                 on the CPU will do, in a build with feature spirv with MIMLET_SOFTWARE_GPU=1"
            }
            Self::Metal => "a Mac with a Metal GPU is needed",
            Self::Rocm => "an AMD GPU and ROCm are needed; see rocminfo",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "CPU",
            Self::Cuda => "CUDA",
            Self::Vulkan => "Vulkan",
            Self::Metal => "Metal",
            Self::Rocm => "ROCm",
        })
    }
}

/// A device as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    text: String,
    /// `None` for the best there is.
    pub(super) kind: Option<Kind>,
    /// Which of several.
    pub(super) index: Option<usize>,
}

impl Name {
    /// Reads `auto`, or a kind with an optional `:INDEX`.
    ///
    /// # Errors
    /// [`TrainError::Device`] with the names there are.
    pub(super) fn parse(text: &str) -> Result<Self, TrainError> {
        let name = |kind, index| Self {
            text: text.to_owned(),
            kind,
            index,
        };
        if text == "auto" {
            return Ok(name(None, None));
        }
        let (word, index) = match text.split_once(':') {
            Some((word, index)) => (word, Some(index)),
            None => (text, None),
        };
        let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word);
        let index = index.map(str::parse).transpose();
        match (kind, index) {
            // There is one CPU.
            (Some(Kind::Cpu), Ok(None)) => Ok(name(kind, None)),
            (Some(Kind::Cpu), _) | (None, _) | (_, Err(_)) => Err(name(None, None).error(
                "no such device; use auto, cpu, cuda, vulkan, metal or rocm, the last four with \
                 :INDEX for one of several",
            )),
            (Some(_), Ok(index)) => Ok(name(kind, index)),
        }
    }

    /// Why this device cannot be had.
    pub(super) fn error(&self, reason: impl Into<String>) -> TrainError {
        TrainError::Device {
            name: self.text.clone(),
            reason: reason.into(),
        }
    }
}
