//! A model's tensors on the GPU, copied there from the file's own memory.

use crate::buffers::{self, Uploader};
use crate::error::WgpuError;
use crate::texels;
use mimlet_format::{Model, TensorRole};
use mimlet_kernels::{Access, Texel};
use mimlet_runtime::PlanError;
use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;
use wgpu::{Buffer, Texture};

/// A tensor, or two that are bound as one, copied to the GPU in the form that a kernel first asks for.
#[derive(Debug)]
pub(crate) struct Tensor<'m> {
    label: String,
    /// Of one tensor after the other; none of what is on the GPU alone.
    bytes: Vec<&'m [u8]>,
    len: u64,
    /// Of all bytes, or of some: a device may bind fewer at once.
    buffers: RefCell<Vec<(Vec<Range<usize>>, Buffer)>>,
    texture: RefCell<Option<(Texel, Texture)>>,
}

impl<'m> Tensor<'m> {
    pub(crate) fn new(label: String, bytes: Vec<&'m [u8]>) -> Self {
        Self {
            label,
            len: bytes.iter().map(|bytes| bytes.len() as u64).sum(),
            bytes,
            buffers: RefCell::default(),
            texture: RefCell::default(),
        }
    }

    pub(crate) fn find(model: &Model<'m>, roles: &[TensorRole]) -> Result<Self, WgpuError> {
        let find = |role: &TensorRole| {
            let tensor = model.tensor(*role).map(|tensor| tensor.bytes);
            tensor.ok_or(WgpuError::ForeignPlan(PlanError::MissingTensor(*role)))
        };
        let bytes = roles.iter().map(find).collect::<Result<_, _>>()?;
        Ok(Self::new(roles[0].to_string(), bytes))
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.len
    }

    /// All of it as a buffer.
    pub(crate) fn buffer(&self, uploader: &mut Uploader<'_>) -> Result<Buffer, WgpuError> {
        let all = 0..self.bytes() as usize;
        self.buffer_of(std::slice::from_ref(&all), uploader)
    }

    /// Some of its bytes, range by range, as a buffer.
    pub(crate) fn buffer_of(
        &self,
        ranges: &[Range<usize>],
        uploader: &mut Uploader<'_>,
    ) -> Result<Buffer, WgpuError> {
        let mut held = self.buffers.borrow_mut();
        if let Some((_, buffer)) = held.iter().find(|(of, _)| of == ranges) {
            return Ok(buffer.clone());
        }
        let total: usize = ranges.iter().map(Range::len).sum();
        let buffer = buffers::storage(uploader.maker(), &self.label, total as u64);
        let mut offset = 0;
        for bytes in ranges.iter().flat_map(|range| self.slices(range)) {
            uploader.write(&buffer, offset, bytes)?;
            offset += bytes.len() as u64;
        }
        held.push((ranges.to_vec(), buffer.clone()));
        Ok(buffer)
    }

    /// A range of its bytes, in one slice of each tensor.
    fn slices(&self, range: &Range<usize>) -> impl Iterator<Item = &'m [u8]> {
        let mut before = 0;
        self.bytes.iter().filter_map(move |bytes| {
            let start = range.start.saturating_sub(before).min(bytes.len());
            let end = range.end.saturating_sub(before).min(bytes.len());
            before += bytes.len();
            (start < end).then(|| &bytes[start..end])
        })
    }

    /// All of it as a texture.
    pub(crate) fn texture(
        &self,
        texel: Texel,
        uploader: &mut Uploader<'_>,
    ) -> Result<Texture, WgpuError> {
        let mut held = self.texture.borrow_mut();
        if let Some((of, texture)) = held.as_ref()
            && *of == texel
        {
            return Ok(texture.clone());
        }
        // Pairs are of vectors, so small.
        let bytes = match self.bytes.as_slice() {
            [bytes] => Cow::Borrowed(*bytes),
            several => Cow::Owned(several.concat()),
        };
        let texture = texels::texture(uploader.maker(), &self.label, bytes.len() as u64, texel);
        uploader.write_texels(&texture, texel, &bytes)?;
        Ok(held.insert((texel, texture)).1.clone())
    }

    /// What is on the GPU of it: the copies made by now, and no other is made of this.
    pub(crate) fn resident(&self) -> Tensor<'static> {
        Tensor {
            label: self.label.clone(),
            bytes: Vec::new(),
            len: self.len,
            buffers: self.buffers.clone(),
            texture: self.texture.clone(),
        }
    }

    /// Whether all of it is on the GPU in the form in which a kernel binds it so.
    pub(crate) fn is_whole_as(&self, access: Access) -> bool {
        let texture = self.texture.borrow();
        match access {
            Access::Texels(texel) => texture.as_ref().is_some_and(|(of, _)| *of == texel),
            Access::Read | Access::ReadWrite => {
                let all = 0..self.len as usize;
                self.has_buffer_of(std::slice::from_ref(&all))
            }
        }
    }

    /// Whether a buffer of these bytes is on the GPU.
    pub(crate) fn has_buffer_of(&self, ranges: &[Range<usize>]) -> bool {
        self.buffers.borrow().iter().any(|(of, _)| of == ranges)
    }

    /// Lets go of every copy.
    pub(crate) fn drop_copies(&self) {
        self.buffers.take();
        self.texture.take();
    }

    /// Bytes of all copies on the GPU.
    pub(crate) fn held_bytes(&self) -> u64 {
        let buffers = self.buffers.borrow();
        let buffers: u64 = buffers.iter().map(|(_, buffer)| buffer.size()).sum();
        let texture = self.texture.borrow();
        let texture = texture.as_ref();
        buffers + texture.map_or(0, |(_, texture)| texels::bytes(texture))
    }
}

#[cfg(test)]
mod tests {
    use super::Tensor;

    #[test]
    fn a_range_of_two_tensors_is_found_in_both() {
        let bytes: Vec<u8> = (0..12).collect();
        let tensor = Tensor::new("two".into(), vec![&bytes[..8], &bytes[8..]]);
        let slices = |range| tensor.slices(&range).collect::<Vec<_>>();
        assert_eq!(slices(0..12), [&bytes[..8], &bytes[8..]]);
        assert_eq!(slices(4..8), [&bytes[4..8]]);
        assert_eq!(slices(8..12), [&bytes[8..]]);
        assert_eq!(slices(4..9), [&bytes[4..8], &bytes[8..9]]);
        assert!(slices(3..3).is_empty());
    }
}
