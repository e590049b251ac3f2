//! GPU buffers: creation, and filling them without a second copy of a model.

use crate::error::WgpuError;
use crate::gpu::Fault;
use crate::maker::{Made, Maker};
use crate::texels;
use mimlet_kernels::Texel;
use wgpu::{Buffer, BufferDescriptor, BufferUsages, Extent3d, Texture};

/// Bytes of staging memory that may wait for the GPU at once.
const STAGED: u64 = 16 << 20;

/// What an error while writing befell.
const COPYING: &str = "copying weights";

/// Bytes of one write.
const CHUNK: usize = 4 << 20;

/// A buffer's size on the GPU: whole 16-byte vectors, so that a kernel which reads vectors sees the
/// last one, and not zero, which cannot be bound.
pub(crate) fn padded(bytes: u64) -> u64 {
    bytes.next_multiple_of(16).max(16)
}

/// A buffer that kernels bind, at least `bytes` long.
pub(crate) fn storage(maker: &Maker, label: &str, bytes: u64) -> Buffer {
    let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
    create(maker, label, padded(bytes), usage, false)
}

/// A buffer that the host reads, `bytes` long.
pub(crate) fn readback(maker: &Maker, bytes: u64) -> Buffer {
    create(
        maker,
        "readback",
        bytes,
        BufferUsages::MAP_READ | BufferUsages::COPY_DST,
        false,
    )
}

/// A buffer that the host writes, `bytes` long, mapped to begin with.
pub(crate) fn upload(maker: &Maker, bytes: u64) -> Buffer {
    create(
        maker,
        "upload",
        bytes,
        BufferUsages::MAP_WRITE | BufferUsages::COPY_SRC,
        true,
    )
}

fn create(
    maker: &Maker,
    label: &str,
    size: u64,
    usage: BufferUsages,
    mapped_at_creation: bool,
) -> Buffer {
    let descriptor = BufferDescriptor {
        label: Some(label),
        size,
        usage,
        mapped_at_creation,
    };
    let made = Made::Object(format!("buffer {label} of {size} bytes"));
    maker.make(made, |device| device.create_buffer(&descriptor))
}

/// Copies host memory to buffers. At most [`STAGED`] bytes are held twice, whatever is written.
#[derive(Debug)]
pub(crate) struct Uploader<'k> {
    maker: &'k Maker,
    staged: u64,
}

impl<'k> Uploader<'k> {
    pub(crate) fn new(maker: &'k Maker) -> Self {
        Self { maker, staged: 0 }
    }

    /// What makes where it copies to.
    pub(crate) fn maker(&self) -> &'k Maker {
        self.maker
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
            let queue = &self.maker.gpu().queue;
            self.maker.make(Made::Object(COPYING.into()), |_| {
                queue.write_buffer(buffer, offset, chunk);
            });
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
                let queue = &self.maker.gpu().queue;
                self.maker.make(Made::Object(COPYING.into()), |_| {
                    queue.write_texture(target, chunk, part.layout, size);
                });
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

    /// Waits until everything written has arrived; a browser keeps what it needs of it and goes on.
    pub(crate) fn flush(&mut self) -> Result<(), WgpuError> {
        self.staged = 0;
        let gpu = self.maker.gpu();
        let arrived = gpu.wait(gpu.queue.submit([]));
        arrived.map_err(|fault: Fault| gpu.error(COPYING, fault))
    }
}
