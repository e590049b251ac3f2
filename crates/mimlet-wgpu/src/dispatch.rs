//! One op, once.

use crate::buffers::{self, Uploader};
use crate::error::WgpuError;
use crate::gpu::{Fault, Gpu};
use crate::maker::{Made, Maker};
use crate::operands::Held;
use crate::program::{self, Builder, Work};
use crate::signal::signal;
use crate::tensors::Tensor;
use mimlet_kernels::Variant;
use std::rc::Rc;
use wgpu::{Buffer, MapMode};

/// Runs one way of computing an op on operands that start with `contents`, and returns what each
/// holds afterwards, as many bytes as it started with. Everything is made for this call and dropped
/// after it: for tests and for looking at a kernel alone.
///
/// # Errors
/// [`WgpuError`] when the GPU lacks memory, does not compile a kernel, or is lost.
///
/// # Panics
/// When an operand of the variant has no entry in `contents`, or one that is no whole number of words.
///
/// ```no_run
/// use mimlet_kernels::{Variant, residual};
/// use mimlet_wgpu::{Choice, Gpu, Requirements, dispatch_once};
/// use mimlet_runtime::DeviceLimits;
/// # fn main() -> Result<(), mimlet_wgpu::WgpuError> {
/// let gpu = Gpu::open(&Choice::Best, &Requirements::Within(DeviceLimits::DOWNLEVEL))?;
/// let [branch, x] = [1.5f32, 2.0].map(f32::to_le_bytes);
/// let variant = Variant::single(&residual::KERNEL, residual::call(1));
/// let after = dispatch_once(&gpu, &variant, &[&branch, &x])?;
/// assert_eq!(after[1], 3.5f32.to_le_bytes());
/// # Ok(())
/// # }
/// ```
pub fn dispatch_once(
    gpu: &Gpu,
    variant: &Variant,
    contents: &[&[u8]],
) -> Result<Vec<Vec<u8>>, WgpuError> {
    pollster::block_on(dispatch(gpu, variant, contents))
}

/// As [`dispatch_once`], asynchronously.
pub(crate) async fn dispatch(
    gpu: &Gpu,
    variant: &Variant,
    contents: &[&[u8]],
) -> Result<Vec<Vec<u8>>, WgpuError> {
    assert!(
        contents.iter().all(|bytes| bytes.len() % 4 == 0),
        "whole words"
    );
    let mut bound = Vec::new();
    let maker = Maker::new(gpu);
    let mut uploader = Uploader::new(&maker);
    for bytes in contents {
        let buffer = buffers::storage(&maker, &variant.name(), bytes.len() as u64);
        uploader.write(&buffer, 0, bytes)?;
        bound.push(buffer);
    }
    maker.settle().await?;
    uploader.flush()?;
    let held = |(index, buffer): (usize, &Buffer)| {
        let in_parts = variant.parts.iter().any(|part| part.given == index);
        match in_parts {
            true => Held::Tensor(Rc::new(Tensor::new(variant.name(), vec![contents[index]]))),
            false => Held::Buffer(buffer.clone()),
        }
    };
    let held: Vec<Held<'_>> = bound.iter().enumerate().map(held).collect();
    let mut builder = Builder::new(&maker, None);
    builder.push(variant, &held)?;
    let (work, _) = builder.finish().await?;
    let lengths = contents
        .iter()
        .map(|bytes| bytes.len() as u64)
        .collect::<Vec<_>>();
    let total: u64 = lengths.iter().sum();
    let readback = buffers::readback(&maker, buffers::padded(total));
    let all = run(&maker, &work, &bound, &lengths, &readback)
        .await
        .map_err(|fault| gpu.error(&format!("running {}", variant.name()), fault))?;
    let mut rest = all.as_slice();
    let split = |bytes: &&[u8]| {
        let (this, after) = rest.split_at(bytes.len());
        rest = after;
        this.to_vec()
    };
    Ok(contents.iter().map(split).collect())
}

/// The bound buffers' contents after the work, one after the other.
async fn run(
    maker: &Maker,
    work: &[Work],
    bound: &[Buffer],
    lengths: &[u64],
    readback: &Buffer,
) -> Result<Vec<u8>, Fault> {
    let gpu = maker.gpu();
    let (notify, mapped) = signal();
    let submission = maker.make(Made::Object("a dispatch".into()), |device| {
        let mut encoder = device.create_command_encoder(&Default::default());
        program::record(work, &mut encoder);
        let mut offset = 0;
        for (buffer, length) in bound.iter().zip(lengths) {
            encoder.copy_buffer_to_buffer(buffer, 0, readback, offset, *length);
            offset += length;
        }
        encoder.map_buffer_on_submit(readback, MapMode::Read, .., notify);
        gpu.queue.submit([encoder.finish()])
    });
    maker.fault().await.map_err(|(_, fault)| fault)?;
    gpu.mapped(submission, [mapped]).await?;
    let view = readback
        .get_mapped_range(..)
        .map_err(|error| Fault::refused(&error))?;
    Ok(view.to_vec())
}
