//! One kernel, once.

use crate::buffers::{self, Uploader};
use crate::error::WgpuError;
use crate::gpu::{Fault, Gpu};
use crate::pipelines::{Pipelines, Prepared};
use mimlet_kernels::{Call, WgslKernel};
use wgpu::{Buffer, MapMode};

/// Runs one dispatch of a kernel on buffers that start with `contents`, and returns what each
/// binding holds afterwards, as many bytes as it started with. Everything is made for this call and
/// dropped after it: for tests and for looking at a kernel alone.
///
/// # Errors
/// [`WgpuError`] when the GPU lacks memory, does not compile the kernel, or is lost.
///
/// # Panics
/// When `contents` has not one entry a binding, each a whole number of words.
///
/// ```no_run
/// use mimlet_kernels::residual;
/// use mimlet_wgpu::{Choice, Gpu, Requirements, dispatch_once};
/// use mimlet_runtime::DeviceLimits;
/// # fn main() -> Result<(), mimlet_wgpu::WgpuError> {
/// let gpu = Gpu::open(&Choice::Best, &Requirements::Within(DeviceLimits::DOWNLEVEL))?;
/// let [branch, x] = [1.5f32, 2.0].map(f32::to_le_bytes);
/// let after = dispatch_once(&gpu, &residual::KERNEL, &residual::call(1), &[&branch, &x])?;
/// assert_eq!(after[1], 3.5f32.to_le_bytes());
/// # Ok(())
/// # }
/// ```
pub fn dispatch_once(
    gpu: &Gpu,
    kernel: &'static WgslKernel,
    call: &Call,
    contents: &[&[u8]],
) -> Result<Vec<Vec<u8>>, WgpuError> {
    assert_eq!(
        contents.len(),
        kernel.bindings.len(),
        "one content per binding"
    );
    assert!(
        contents.iter().all(|bytes| bytes.len() % 4 == 0),
        "whole words"
    );
    let mut bound = Vec::new();
    let mut uploader = Uploader::new(gpu);
    for bytes in contents {
        let buffer = buffers::storage(gpu, kernel.name, bytes.len() as u64)?;
        uploader.write(&buffer, 0, bytes)?;
        bound.push(buffer);
    }
    uploader.flush()?;
    let references: Vec<&Buffer> = bound.iter().collect();
    let prepared = Pipelines::new(gpu).prepare(kernel, call, &references)?;
    let lengths = contents
        .iter()
        .map(|bytes| bytes.len() as u64)
        .collect::<Vec<_>>();
    let total: u64 = lengths.iter().sum();
    let readback = buffers::readback(gpu, buffers::padded(total))?;
    let all = run(gpu, &prepared, &bound, &lengths, &readback)
        .map_err(|fault| gpu.error(&format!("running {}", kernel.name), fault))?;
    let mut rest = all.as_slice();
    let split = |bytes: &&[u8]| {
        let (this, after) = rest.split_at(bytes.len());
        rest = after;
        this.to_vec()
    };
    Ok(contents.iter().map(split).collect())
}

/// The bound buffers' contents after the dispatch, one after the other.
fn run(
    gpu: &Gpu,
    prepared: &Prepared,
    bound: &[Buffer],
    lengths: &[u64],
    readback: &Buffer,
) -> Result<Vec<u8>, Fault> {
    let submission = gpu.checked(|| {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        prepared.record(&mut encoder.begin_compute_pass(&Default::default()));
        let mut offset = 0;
        for (buffer, length) in bound.iter().zip(lengths) {
            encoder.copy_buffer_to_buffer(buffer, 0, readback, offset, *length);
            offset += length;
        }
        // A failed mapping shows when the range is asked for.
        encoder.map_buffer_on_submit(readback, MapMode::Read, .., |_| ());
        gpu.queue.submit([encoder.finish()])
    })?;
    gpu.wait(submission)?;
    let view = readback
        .get_mapped_range(..)
        .map_err(|error| Fault::refused(&error))?;
    Ok(view.to_vec())
}
