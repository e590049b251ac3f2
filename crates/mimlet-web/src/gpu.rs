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
    /// Numbers of a normalised image.
    input_len: usize,
    /// Those of the images of the largest batch.
    inputs: Vec<f32>,
    encodings: Vec<Encoding>,
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
            input_len: plan.buffers()[plan.image().index()].words,
            inputs: Vec::new(),
            encodings: vec![Encoding::zeros(plan)],
        })
    }

    /// What runs, for people.
    pub(crate) fn describe(&self) -> String {
        self.backend.describe()
    }

    /// How many images at once are best, where there are many.
    pub(crate) fn images_at_once(&self) -> usize {
        self.backend.images_at_once()
    }

    /// Encodes an image of the model's size, u8 `[height, width, 3]`.
    pub(crate) async fn encode_pixels(&mut self, pixels: &[u8]) -> Result<&Encoding, BackendError> {
        Ok(&self.encode_batch(&[pixels]).await?[0])
    }

    /// As [`GpuEncoder::encode_pixels`], several images together, as many as there is room for.
    pub(crate) async fn encode_batch(
        &mut self,
        images: &[&[u8]],
    ) -> Result<&[Encoding], BackendError> {
        let (count, len) = (images.len(), self.input_len);
        if self.encodings.len() < count {
            self.encodings.resize(count, self.encodings[0].clone());
        }
        if self.inputs.len() < count * len {
            self.inputs.resize(count * len, 0.0);
        }
        let Preprocess { mean, std, .. } = self.preprocess;
        for (pixels, input) in images.iter().zip(self.inputs.chunks_exact_mut(len)) {
            normalize::cpu(Level::detect(), pixels, mean, std, input);
        }
        let inputs: Vec<&[f32]> = self.inputs.chunks_exact(len).take(count).collect();
        let encodings = &mut self.encodings[..count];
        self.backend.run_batch_async(&inputs, encodings).await?;
        Ok(encodings)
    }
}

impl Drop for GpuEncoder {
    /// A browser would free the GPU's memory whenever it next collects garbage.
    fn drop(&mut self) {
        self.gpu.close();
    }
}
