//! The backend: a plan's passes, one for an image and one for several, and who runs which.

use crate::batches::Batches;
use crate::error::WgpuError;
use crate::gpu::{Fault, Gpu};
use crate::maker::{Made, Maker};
use crate::operands::Operands;
use crate::pass::Pass;
use crate::pipeline_cache::KeptPipelines;
use crate::profile;
use crate::program::Builder;
use crate::resident::Resident;
use crate::tuning::{self, Tuning};
use crate::units::Unit;
use mimlet_format::Model;
use mimlet_kernels::Variant;
use mimlet_runtime::{BackendError, Encoding, Plan, WorkCost};

/// Runs a plan on a GPU: one submission an image, in which the image goes up, every step runs, and
/// the results come down. Buffers, pipelines and bindings are made once; afterwards only the
/// command buffer is new, and it is recorded while the GPU works on the image before.
///
/// [Several images](WgpuBackend::run_batch_async) are one submission, too: 197 rows of an image are too
/// few to keep a large GPU busy. What that takes is made the first time that several are given.
#[derive(Debug)]
pub struct WgpuBackend {
    gpu: Gpu,
    single: Pass,
    pub(crate) batches: Batches,
}

impl WgpuBackend {
    /// Copies a model's weights to a GPU, chooses the variant of each unit and compiles it.
    ///
    /// # Errors
    /// [`WgpuError`] when the plan does not fit the limits the GPU was opened with, is another
    /// model's, or the GPU fails.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new(
        gpu: &Gpu,
        model: &Model<'_>,
        plan: &Plan,
        tuning: Tuning<'_>,
    ) -> Result<Self, WgpuError> {
        pollster::block_on(Self::new_async(gpu, model, plan, tuning))
    }

    /// As `WgpuBackend::new`, where nothing may wait: in a browser.
    ///
    /// # Errors
    /// As `WgpuBackend::new`.
    pub async fn new_async(
        gpu: &Gpu,
        model: &Model<'_>,
        plan: &Plan,
        tuning: Tuning<'_>,
    ) -> Result<Self, WgpuError> {
        plan.fits(&gpu.limits())
            .map_err(|reason| WgpuError::LimitExceeded {
                adapter: gpu.description().name.clone(),
                reason,
            })?;
        let maker = Maker::new(gpu);
        let units = Unit::of(plan);
        let operands = Operands::new(&maker, model, plan, &units)?;
        let variants = tuning::choose(gpu, model, plan, (&units, &operands), tuning).await?;
        let kept = KeptPipelines::open(gpu, tuning.folder()).await;
        Self::made(&maker, plan, &operands, (units, variants), kept).await
    }

    /// With this variant of each unit.
    #[cfg(test)]
    pub(crate) async fn of_variants(
        gpu: &Gpu,
        model: &Model<'_>,
        plan: &Plan,
        variants: &[Variant],
    ) -> Result<Self, WgpuError> {
        let maker = Maker::new(gpu);
        let units = Unit::of(plan);
        let operands = Operands::new(&maker, model, plan, &units)?;
        let units = (units, variants.to_vec());
        Self::made(&maker, plan, &operands, units, None).await
    }

    async fn made(
        maker: &Maker,
        plan: &Plan,
        operands: &Operands<'_>,
        (units, variants): (Vec<Unit>, Vec<Variant>),
        mut kept: Option<KeptPipelines>,
    ) -> Result<Self, WgpuError> {
        let builder = Builder::new(maker, kept.as_ref().map(|kept| &kept.cache));
        let work = builder.work(&units, &variants, operands).await?;
        let single = Pass::new(maker, plan, operands, work, 1).await?;
        if let Some(kept) = &mut kept {
            kept.save();
        }
        let resident = Resident::of(operands);
        Ok(Self {
            gpu: maker.gpu().clone(),
            single,
            batches: Batches::new(plan.clone(), (units, variants), resident, kept),
        })
    }

    /// Bytes of all buffers on the GPU: weights, the plan's buffers, and what the host maps; with those for
    /// several images at once as soon as there are any.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.single.memory_bytes() + self.batches.memory_bytes()
    }

    /// What runs the steps, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("wgpu {}", self.gpu.description())
    }

    /// As [`Backend::run`](mimlet_runtime::Backend::run), where nothing may wait: in a browser.
    ///
    /// # Errors
    /// [`BackendError`] when the GPU fails.
    ///
    /// # Panics
    /// When `image` or `encoding` has not the plan's shape.
    pub async fn run_async(
        &mut self,
        image: &[f32],
        encoding: &mut Encoding,
    ) -> Result<(), BackendError> {
        let encodings = std::slice::from_mut(encoding);
        let encoded = self.single.run(&self.gpu, &[image], encodings).await;
        encoded.map_err(|fault| self.failed(fault))
    }

    /// As [`Backend::run_batch`](mimlet_runtime::Backend::run_batch), where nothing may wait: in a browser.
    ///
    /// As many images at once as there is room for, the first time within the device's limits and memory;
    /// of a longer row each pass takes as many, and what is left over runs one by one where it is half a
    /// pass or less: a pass takes as long however many of its places are filled. Nothing is allocated
    /// any more after a pass of that size or a larger one has run.
    ///
    /// Each image's result is that of [`WgpuBackend::run_async`] to the bit where the kernels are the same,
    /// which they are, but for kernels that there is no room for with so many images, and those that share
    /// out a layer's inputs to keep a GPU busy with one image's rows. A new pass is believed once its first
    /// images have come out as each of them does alone, but for rounding; else images run one by one
    /// from then on.
    ///
    /// # Errors
    /// As [`WgpuBackend::run_async`]. That memory for several images is used up is none: then fewer run at
    /// once, down to one.
    ///
    /// # Panics
    /// When there are not as many encodings as images, or one of either has not the plan's shape.
    pub async fn run_batch_async(
        &mut self,
        images: &[&[f32]],
        encodings: &mut [Encoding],
    ) -> Result<(), BackendError> {
        assert_eq!(images.len(), encodings.len());
        let (gpu, single) = (&self.gpu, &mut self.single);
        let ran = self.batches.run(gpu, single, images, encodings).await;
        ran.map_err(|fault| self.failed(fault))
    }

    /// How many images at once [`WgpuBackend::run_batch_async`] is best given, where there are many; 1 of
    /// a software driver.
    #[must_use]
    pub fn images_at_once(&self) -> usize {
        self.batches.images_at_once(&self.gpu)
    }

    /// As [`Backend::profile`](mimlet_runtime::Backend::profile), where nothing may wait: in a
    /// browser.
    ///
    /// # Errors
    /// As [`WgpuBackend::run_async`].
    pub async fn profile_async(&mut self, image: &[f32]) -> Result<Vec<WorkCost>, BackendError> {
        let run = async {
            let maker = Maker::new(&self.gpu);
            maker.make(Made::Object("the image".into()), |_| {
                let bytes = bytemuck::cast_slice(image);
                self.gpu.queue.write_buffer(self.single.image(), 0, bytes);
            });
            maker.fault().await.map_err(|(_, fault)| fault)?;
            profile::profile(&self.gpu, self.single.work()).await
        };
        run.await.map_err(|fault| self.failed(fault))
    }

    fn failed(&self, fault: Fault) -> BackendError {
        BackendError {
            backend: self.describe(),
            reason: self.gpu.error("running the encoder", fault).to_string(),
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl mimlet_runtime::Backend for WgpuBackend {
    fn describe(&self) -> String {
        self.describe()
    }

    /// As every backend; `image` has the plan's length, or this panics.
    fn run(&mut self, image: &[f32], encoding: &mut Encoding) -> Result<(), BackendError> {
        pollster::block_on(self.run_async(image, encoding))
    }

    fn run_batch(
        &mut self,
        images: &[&[f32]],
        encodings: &mut [Encoding],
    ) -> Result<(), BackendError> {
        pollster::block_on(self.run_batch_async(images, encodings))
    }

    fn images_at_once(&self) -> usize {
        self.images_at_once()
    }

    fn profile(&mut self, image: &[f32]) -> Result<Vec<WorkCost>, BackendError> {
        pollster::block_on(self.profile_async(image))
    }
}
