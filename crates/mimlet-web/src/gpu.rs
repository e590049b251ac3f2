//! A model on the browser's GPU.

use mimlet_format::{Model, Preprocess};
use mimlet_kernels::{Level, normalize};
use mimlet_runtime::{BackendError, Encoding, Plan};
use mimlet_wgpu::{Adapters, Choice, Gpu, Requirements, Tuning, WgpuBackend, WgpuError};

/// A model's encoder on the GPU.
#[derive(Debug)]
pub(crate) struct GpuEncoder {
    backend: WgpuBackend,
    gpu: Gpu,
    preprocess: Preprocess,
    input: Vec<f32>,
    pub(crate) encoding: Encoding,
}

/// Whether the browser shows a GPU, and whether that one is the CPU by a longer way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offered {
    Nothing,
    Software,
    Hardware,
}

/// How the variants of kernels are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choose {
    /// By trial on a GPU in hardware; a software one is known to read textures faster.
    Auto,
    Measured,
    Vendor,
}

impl Choose {
    /// By the name that a page has for it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "auto" => Some(Self::Auto),
            "measured" => Some(Self::Measured),
            "vendor" => Some(Self::Vendor),
            _ => None,
        }
    }
}

/// What the browser offers.
pub(crate) async fn offered() -> Offered {
    let adapters = Adapters::list_async().await.describe();
    match adapters.first() {
        None => Offered::Nothing,
        Some(adapter) if adapter.is_software() => Offered::Software,
        Some(_) => Offered::Hardware,
    }
}

impl GpuEncoder {
    /// Copies a model to the GPU.
    pub(crate) async fn new(
        model: &Model<'_>,
        plan: &Plan,
        choose: Choose,
    ) -> Result<Self, WgpuError> {
        let gpu = Gpu::open_async(&Choice::Best, &Requirements::Plan(plan)).await?;
        let by_vendor = match choose {
            Choose::Auto => gpu.description().is_software(),
            Choose::Measured => false,
            Choose::Vendor => true,
        };
        let tuning = if by_vendor {
            Tuning::VendorOrder
        } else {
            // A page has no next rung that would stand in for rows in 16 bits.
            Tuning::WholeRows(None)
        };
        Ok(Self {
            backend: WgpuBackend::new_async(&gpu, model, plan, tuning).await?,
            gpu,
            preprocess: model.manifest().preprocess.clone(),
            input: vec![0.0; plan.buffers()[plan.image().index()].words],
            encoding: Encoding::zeros(plan),
        })
    }

    /// What runs, for people.
    pub(crate) fn describe(&self) -> String {
        self.backend.describe()
    }

    /// Encodes an image of the model's size, u8 `[height, width, 3]`.
    pub(crate) async fn encode_pixels(&mut self, pixels: &[u8]) -> Result<(), BackendError> {
        let Preprocess { mean, std, .. } = self.preprocess;
        normalize::cpu(Level::detect(), pixels, mean, std, &mut self.input);
        self.backend
            .run_async(&self.input, &mut self.encoding)
            .await
    }
}

impl Drop for GpuEncoder {
    /// A browser would free the GPU's memory whenever it next collects garbage.
    fn drop(&mut self) {
        self.gpu.close();
    }
}
