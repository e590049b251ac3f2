//! GPU buffers: creation, and filling them without a second copy of a model.

use crate::error::WgpuError;
use crate::gpu::{Fault, Gpu};
use crate::texels;
use mimlet_kernels::Texel;
use wgpu::{Buffer, BufferDescriptor, BufferUsages, Extent3d, Texture};

/// Bytes of staging memory that may wait for the GPU at once.
const STAGED: u64 = 16 << 20;

/// Bytes of one write.
const CHUNK: usize = 4 << 20;

/// A buffer's size on the GPU: whole 16-byte vectors, so that a kernel which reads vectors sees the
/// last one, and not zero, which cannot be bound.
pub(crate) fn padded(bytes: u64) -> u64 {
    bytes.next_multiple_of(16).max(16)
}

/// A buffer that kernels bind, at least `bytes` long.
pub(crate) fn storage(gpu: &Gpu, label: &str, bytes: u64) -> Result<Buffer, WgpuError> {
    let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
    create(gpu, label, padded(bytes), usage, false)
}

/// A buffer that the host reads, `bytes` long.
pub(crate) fn readback(gpu: &Gpu, bytes: u64) -> Result<Buffer, WgpuError> {
    create(
        gpu,
        "readback",
        bytes,
        BufferUsages::MAP_READ | BufferUsages::COPY_DST,
        false,
    )
}

/// A buffer that the host writes, `bytes` long, mapped to begin with.
pub(crate) fn upload(gpu: &Gpu, bytes: u64) -> Result<Buffer, WgpuError> {
    create(
        gpu,
        "upload",
        bytes,
        BufferUsages::MAP_WRITE | BufferUsages::COPY_SRC,
        true,
    )
}

fn create(
    gpu: &Gpu,
    label: &str,
    size: u64,
    usage: BufferUsages,
    mapped_at_creation: bool,
) -> Result<Buffer, WgpuError> {
    let descriptor = BufferDescriptor {
        label: Some(label),
        size,
        usage,
        mapped_at_creation,
    };
    gpu.checked(|| gpu.device.create_buffer(&descriptor))
        .map_err(|fault| gpu.error(&format!("buffer {label} of {size} bytes"), fault))
}

/// Copies host memory to buffers. At most [`STAGED`] bytes are held twice, whatever is written.
#[derive(Debug)]
pub(crate) struct Uploader<'g> {
    gpu: &'g Gpu,
    staged: u64,
}

impl<'g> Uploader<'g> {
    pub(crate) fn new(gpu: &'g Gpu) -> Self {
        Self { gpu, staged: 0 }
    }

    /// Where it copies to.
    pub(crate) fn gpu(&self) -> &'g Gpu {
        self.gpu
    }

    /// Writes `bytes`, a multiple of four long, from byte `start` of a buffer on.
    pub(crate) fn write(
        &mut self,
        buffer: &Buffer,
        start: u64,
        bytes: &[u8],
    ) -> Result<(), WgpuError> {
        let mut offset = start;
        for chunk in bytes.chunks(CHUNK) {
            let write = || self.gpu.queue.write_buffer(buffer, offset, chunk);
            self.gpu.checked(write).map_err(|fault| self.error(fault))?;
            offset += chunk.len() as u64;
            self.count(chunk)?;
        }
        Ok(())
    }

    /// Writes a tensor to a texture made for its size.
    pub(crate) fn write_texels(
        &mut self,
        texture: &Texture,
        texel: Texel,
        bytes: &[u8],
    ) -> Result<(), WgpuError> {
        for part in texels::parts(bytes.len() as u64, texel) {
            let row_bytes = (part.size.width * texel.bytes()) as usize;
            let bytes = &bytes[part.start as usize..][..row_bytes * part.size.height as usize];
            let mut row = part.first_row;
            for chunk in bytes.chunks(row_bytes * (CHUNK / row_bytes).max(1)) {
                let size = Extent3d {
                    height: (chunk.len() / row_bytes) as u32,
                    ..part.size
                };
                let target = texels::target(texture, row);
                let write = || {
                    self.gpu
                        .queue
                        .write_texture(target, chunk, part.layout, size)
                };
                self.gpu.checked(write).map_err(|fault| self.error(fault))?;
                row += size.height;
                self.count(chunk)?;
            }
        }
        Ok(())
    }

    /// Counts a write, and waits when much is under way.
    fn count(&mut self, written: &[u8]) -> Result<(), WgpuError> {
        self.staged += written.len() as u64;
        if self.staged >= STAGED {
            self.flush()?;
        }
        Ok(())
    }

    /// Waits until everything written has arrived.
    pub(crate) fn flush(&mut self) -> Result<(), WgpuError> {
        self.staged = 0;
        let submission = self.gpu.queue.submit([]);
        self.gpu.wait(submission).map_err(|fault| self.error(fault))
    }

    fn error(&self, fault: Fault) -> WgpuError {
        self.gpu.error("copying weights", fault)
    }
}
