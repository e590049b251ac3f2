//! A pass through a plan, for one image or several at once: its work, made once, and recorded for the
//! next time while it runs.

use crate::buffers;
use crate::error::WgpuError;
use crate::gpu::{Fault, Gpu};
use crate::maker::Maker;
use crate::operands::Operands;
use crate::program::{self, Work};
use crate::signal::{Signal, signal};
use mimlet_runtime::{BufferId, Encoding, Plan};
use std::ops::Range;
use wgpu::{Buffer, BufferAsyncError, CommandBuffer, MapMode};

/// Everything that a pass runs on. In each of its buffers images lie one after the other.
#[derive(Debug)]
pub(crate) struct Pass {
    images: usize,
    work: Vec<Work>,
    /// Where the images go.
    image: Buffer,
    /// Of everything that the work binds.
    bytes: u64,
    /// Mapped between runs.
    upload: Buffer,
    readback: Buffer,
    features: Output,
    tokens: Option<(Output, Output)>,
    /// The next run's work.
    next: Option<Recorded>,
}

/// One run's work, ready to be submitted.
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

impl Pass {
    /// Around work on `operands` of a plan for so many images, and the bytes that it binds beside them.
    pub(crate) async fn new(
        maker: &Maker,
        plan: &Plan,
        operands: &Operands<'_>,
        (work, bytes): (Vec<Work>, u64),
        images: usize,
    ) -> Result<Self, WgpuError> {
        let mut end = 0;
        let mut output = |buffer: BufferId| {
            let start = end;
            end += plan.buffers()[buffer.index()].bytes() * images as u64;
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
        let image_bytes = plan.buffers()[image.index()].bytes() * images as u64;
        let upload = buffers::upload(maker, image_bytes);
        let readback = buffers::readback(maker, end);
        maker.settle().await?;
        Ok(Self {
            images,
            work,
            image: operands.buffer(image).clone(),
            bytes: bytes + operands.bytes(),
            upload,
            readback,
            features,
            tokens,
            next: None,
        })
    }

    /// Images at once.
    pub(crate) fn images(&self) -> usize {
        self.images
    }

    /// What it runs.
    pub(crate) fn work(&self) -> &[Work] {
        &self.work
    }

    /// Where the images go.
    pub(crate) fn image(&self) -> &Buffer {
        &self.image
    }

    /// Bytes of all its buffers on the GPU, weights included.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.bytes + self.upload.size() + self.readback.size()
    }

    /// Runs images, as many as it is for or fewer: the places of those that are missing hold what they
    /// held, and what becomes of it is not read.
    pub(crate) async fn run(
        &mut self,
        gpu: &Gpu,
        images: &[&[f32]],
        encodings: &mut [Encoding],
    ) -> Result<(), Fault> {
        let refused = |error: wgpu::MapRangeError| Fault::refused(&error);
        let place = self.upload.size() as usize / self.images;
        let mut view = self.upload.get_mapped_range_mut(..).map_err(refused)?;
        for (image, start) in images.iter().zip((0..).step_by(place)) {
            let mut pixels = view.slice(start..start + place);
            pixels.copy_from_slice(bytemuck::cast_slice(image));
        }
        drop(view);
        self.upload.unmap();
        let recorded = self.next.take();
        let Recorded { commands, mapped } = recorded.unwrap_or_else(|| self.recorded(gpu));
        let submission = gpu.queue.submit([commands]);
        self.next = Some(self.recorded(gpu));
        gpu.mapped(submission, mapped).await?;
        let view = self.readback.get_mapped_range(..).map_err(refused)?;
        let mut encodings = encodings.iter_mut().enumerate();
        let filled = encodings.try_for_each(|(index, encoding)| self.fill(&view, index, encoding));
        drop(view);
        self.readback.unmap();
        filled
    }

    fn recorded(&self, gpu: &Gpu) -> Recorded {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
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

    /// Fills what the image in that place was encoded to.
    fn fill(&self, mapped: &[u8], index: usize, encoding: &mut Encoding) -> Result<(), Fault> {
        let of = |output: &Output| {
            let Range { start, end } = output.bytes;
            let place = (end - start) as usize / self.images;
            &mapped[start as usize + index * place..][..place]
        };
        let features = words::<f32>(of(&self.features))?;
        let tokens = match &self.tokens {
            Some((tokens, distances)) => {
                Some((words::<u32>(of(tokens))?, words::<f32>(of(distances))?))
            }
            None => None,
        };
        encoding.fill(features, tokens);
        Ok(())
    }
}

/// An output in mapped memory, which drivers align far beyond a word.
fn words<T: bytemuck::AnyBitPattern>(bytes: &[u8]) -> Result<&[T], Fault> {
    bytemuck::try_cast_slice(bytes).map_err(|error| Fault::refused(&error))
}
