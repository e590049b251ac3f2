//! Buffers as textures: their words in rows of [`TEXELS_ACROSS`] texels. Reading through the texture
//! unit is what Adreno and software drivers are fast at.

use crate::maker::{Made, Maker};
use mimlet_kernels::{TEXELS_ACROSS, Texel};
use wgpu::{
    Buffer, CommandEncoder, Extent3d, Origin3d, TexelCopyBufferInfo, TexelCopyBufferLayout,
    TexelCopyTextureInfo, Texture, TextureAspect, TextureDescriptor, TextureDimension,
    TextureFormat, TextureSampleType, TextureUsages,
};

/// wgpu's format of a texel.
fn format(texel: Texel) -> TextureFormat {
    match texel {
        Texel::F32x4 => TextureFormat::Rgba32Float,
        Texel::F16x4 => TextureFormat::Rgba16Float,
        Texel::U32x4 => TextureFormat::Rgba32Uint,
        Texel::U32 => TextureFormat::R32Uint,
    }
}

/// How a kernel declares a texture of it.
pub(crate) fn sample_type(texel: Texel) -> TextureSampleType {
    match texel {
        Texel::F32x4 | Texel::F16x4 => TextureSampleType::Float { filterable: false },
        Texel::U32x4 | Texel::U32 => TextureSampleType::Uint,
    }
}

/// Rows of a texture for that many bytes.
pub(crate) fn rows(bytes: u64, texel: Texel) -> u64 {
    bytes.div_ceil(row_bytes(texel).into()).max(1)
}

fn row_bytes(texel: Texel) -> u32 {
    TEXELS_ACROSS * texel.bytes()
}

/// Bytes that a texture takes.
pub(crate) fn bytes(texture: &Texture) -> u64 {
    let texel = texture.format().block_copy_size(None).unwrap_or_default();
    u64::from(texture.height()) * u64::from(texture.width()) * u64::from(texel)
}

/// A texture for that many bytes.
pub(crate) fn texture(maker: &Maker, label: &str, bytes: u64, texel: Texel) -> Texture {
    let descriptor = TextureDescriptor {
        label: Some(label),
        size: Extent3d {
            width: TEXELS_ACROSS,
            height: rows(bytes, texel) as u32,
            depth_or_array_layers: 1,
        },
        mip_level_count: 1,
        sample_count: 1,
        dimension: TextureDimension::D2,
        format: format(texel),
        usage: TextureUsages::TEXTURE_BINDING | TextureUsages::COPY_DST,
        view_formats: &[],
    };
    let made = Made::Object(format!("texture {label} of {bytes} bytes"));
    maker.make(made, |device| device.create_texture(&descriptor))
}

/// A rectangle of texels and where its bytes begin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) start: u64,
    pub(crate) first_row: u32,
    pub(crate) size: Extent3d,
    pub(crate) layout: TexelCopyBufferLayout,
}

/// The whole rows of that many bytes, and the row that is not whole. Bytes past the last whole texel
/// are left out.
pub(crate) fn parts(bytes: u64, texel: Texel) -> impl Iterator<Item = Part> {
    let row = row_bytes(texel);
    let whole = (bytes / u64::from(row)) as u32;
    let rest = (bytes % u64::from(row)) as u32 / texel.bytes();
    let part = move |first_row: u32, width: u32, height: u32| Part {
        start: u64::from(first_row) * u64::from(row),
        first_row,
        size: Extent3d {
            width,
            height,
            depth_or_array_layers: 1,
        },
        layout: TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(row),
            rows_per_image: None,
        },
    };
    let parts = [part(0, TEXELS_ACROSS, whole), part(whole, rest, 1)];
    let some = |part: &Part| part.size.width > 0 && part.size.height > 0;
    parts.into_iter().filter(some)
}

/// Where in a texture a part goes.
pub(crate) fn target(texture: &Texture, first_row: u32) -> TexelCopyTextureInfo<'_> {
    TexelCopyTextureInfo {
        texture,
        mip_level: 0,
        origin: Origin3d {
            x: 0,
            y: first_row,
            z: 0,
        },
        aspect: TextureAspect::All,
    }
}

/// Records the copy of a buffer to a texture made for its size.
pub(crate) fn record_copy(
    encoder: &mut CommandEncoder,
    buffer: &Buffer,
    texture: &Texture,
    texel: Texel,
) {
    for part in parts(buffer.size(), texel) {
        let layout = TexelCopyBufferLayout {
            offset: part.start,
            ..part.layout
        };
        let source = TexelCopyBufferInfo { buffer, layout };
        encoder.copy_buffer_to_texture(source, target(texture, part.first_row), part.size);
    }
}
