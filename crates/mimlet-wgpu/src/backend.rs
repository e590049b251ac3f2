//! The backend: a plan's dispatches, made once, and recorded for the next image while one runs.

use crate::buffers;
use crate::error::WgpuError;
use crate::gpu::{Fault, Gpu};
use crate::maker::{Made, Maker};
use crate::operands::Operands;
use crate::pipeline_cache::KeptPipelines;
use crate::profile;
use crate::program::{self, Builder, Work};
use crate::signal::{Signal, signal};
use crate::tuning::{self, Tuning};
use crate::units::Unit;
use mimlet_format::Model;
#[cfg(test)]
use mimlet_kernels::Variant;
use mimlet_runtime::{BackendError, BufferId, Encoding, Plan, WorkCost};
use std::ops::Range;
use wgpu::{Buffer, BufferAsyncError, CommandBuffer, MapMode};

/// Runs a plan on a GPU: one submission an image, in which the image goes up, every step runs, and
/// the results come down. Buffers, pipelines and bindings are made once; afterwards only the
/// command buffer is new, and it is recorded while the GPU works on the image before.
#[derive(Debug)]
pub struct WgpuBackend {
    gpu: Gpu,
    work: Vec<Work>,
    image: Buffer,
    /// Of everything that the work binds.
    bytes: u64,
    /// Mapped between runs.
    upload: Buffer,
    readback: Buffer,
    features: Output,
    tokens: Option<(Output, Output)>,
    /// The next image's work.
    next: Option<Recorded>,
}

/// One image's work, ready to be submitted.
#[derive(Debug)]
struct Recorded {
    commands: CommandBuffer,
    /// Say when `readback` and `upload` are mapped again.
    mapped: [Signal<Result<(), BufferAsyncError>>; 2],
}

/// A buffer that is read back, and where.
#[derive(Debug, Clone)]
struct Output {
    buffer: Buffer,
    bytes: Range<u64>,
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
        let mut builder = Builder::new(&maker, kept.as_ref().map(|kept| &kept.cache));
        for (unit, variant) in units.iter().zip(&variants) {
            builder.push(variant, &operands.of(unit))?;
        }
        let work = builder.finish().await?;
        if let Some(kept) = kept {
            kept.save();
        }
        Self::of_work(&maker, plan, &operands, work).await
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
        let mut builder = Builder::new(&maker, None);
        for (unit, variant) in units.iter().zip(variants) {
            builder.push(variant, &operands.of(unit))?;
        }
        let work = builder.finish().await?;
        Self::of_work(&maker, plan, &operands, work).await
    }

    /// Around a plan's work, and the bytes that it binds beside the operands.
    async fn of_work(
        maker: &Maker,
        plan: &Plan,
        operands: &Operands<'_>,
        (work, bytes): (Vec<Work>, u64),
    ) -> Result<Self, WgpuError> {
        let mut end = 0;
        let mut output = |buffer: BufferId| {
            let start = end;
            end += plan.buffers()[buffer.index()].bytes();
            Output {
                buffer: operands.buffer(buffer).clone(),
                bytes: start..end,
            }
        };
        let features = output(plan.features());
        let tokens = plan
            .tokens()
            .map(|(tokens, distances)| (output(tokens), output(distances)));
        let image = plan.image();
        let upload = buffers::upload(maker, plan.buffers()[image.index()].bytes());
        let readback = buffers::readback(maker, end);
        maker.settle().await?;
        Ok(Self {
            image: operands.buffer(image).clone(),
            bytes: bytes + operands.bytes(),
            upload,
            readback,
            gpu: maker.gpu().clone(),
            work,
            features,
            tokens,
            next: None,
        })
    }

    /// Bytes of all buffers on the GPU: weights, the plan's buffers, and what the host maps.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.bytes + self.upload.size() + self.readback.size()
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
        let encoded = self.encode(image, encoding).await;
        encoded.map_err(|fault| self.failed(fault))
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
                self.gpu.queue.write_buffer(&self.image, 0, bytes);
            });
            maker.fault().await.map_err(|(_, fault)| fault)?;
            profile::profile(&self.gpu, &self.work).await
        };
        run.await.map_err(|fault| self.failed(fault))
    }

    fn failed(&self, fault: Fault) -> BackendError {
        BackendError {
            backend: self.describe(),
            reason: self.gpu.error("running the encoder", fault).to_string(),
        }
    }

    async fn encode(&mut self, image: &[f32], encoding: &mut Encoding) -> Result<(), Fault> {
        let refused = |error: wgpu::MapRangeError| Fault::refused(&error);
        let mut view = self.upload.get_mapped_range_mut(..).map_err(refused)?;
        view.copy_from_slice(bytemuck::cast_slice(image));
        drop(view);
        self.upload.unmap();
        let Recorded { commands, mapped } = self.next.take().unwrap_or_else(|| self.recorded());
        let submission = self.gpu.queue.submit([commands]);
        self.next = Some(self.recorded());
        self.gpu.mapped(submission, mapped).await?;
        let view = self.readback.get_mapped_range(..).map_err(refused)?;
        let filled = self.fill(&view, encoding);
        drop(view);
        self.readback.unmap();
        filled
    }

    fn recorded(&self) -> Recorded {
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(&self.upload, 0, &self.image, 0, self.upload.size());
        program::record(&self.work, &mut encoder);
        for Output { buffer, bytes } in self.outputs() {
            let Range { start, end } = *bytes;
            encoder.copy_buffer_to_buffer(buffer, 0, &self.readback, start, end - start);
        }
        let (notify_read, read) = signal();
        let (notify_write, write) = signal();
        encoder.map_buffer_on_submit(&self.readback, MapMode::Read, .., notify_read);
        encoder.map_buffer_on_submit(&self.upload, MapMode::Write, .., notify_write);
        Recorded {
            commands: encoder.finish(),
            mapped: [read, write],
        }
    }

    fn outputs(&self) -> impl Iterator<Item = &Output> {
        let tokens = self
            .tokens
            .iter()
            .flat_map(|(tokens, distances)| [tokens, distances]);
        std::iter::once(&self.features).chain(tokens)
    }

    fn fill(&self, mapped: &[u8], encoding: &mut Encoding) -> Result<(), Fault> {
        let features = words::<f32>(mapped, &self.features)?;
        let tokens = match &self.tokens {
            Some((tokens, distances)) => Some((
                words::<u32>(mapped, tokens)?,
                words::<f32>(mapped, distances)?,
            )),
            None => None,
        };
        encoding.fill(features, tokens);
        Ok(())
    }
}

/// An output in mapped memory, which drivers align far beyond a word.
fn words<'v, T: bytemuck::AnyBitPattern>(
    mapped: &'v [u8],
    output: &Output,
) -> Result<&'v [T], Fault> {
    let Range { start, end } = output.bytes;
    bytemuck::try_cast_slice(&mapped[start as usize..end as usize])
        .map_err(|error| Fault::refused(&error))
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

    fn profile(&mut self, image: &[f32]) -> Result<Vec<WorkCost>, BackendError> {
        pollster::block_on(self.profile_async(image))
    }
}
