//! Work that is ready to record: kernels' dispatches, and copies of buffers that they read as
//! textures.

use crate::buffers::{self, Uploader};
use crate::error::WgpuError;
use crate::maker::Maker;
use crate::operands::{Held, Operands};
use crate::pipelines::{Bound, Pipelines, Prepared};
use crate::texels;
use crate::units::Unit;
use mimlet_kernels::{Access, Dispatch, Operand, Part, Texel, Variant};
use std::collections::{HashMap, HashSet};
use wgpu::{Buffer, CommandEncoder, PipelineCache, Texture};

/// One thing to record.
#[derive(Debug)]
pub(crate) enum Work {
    /// Makes a texture hold what its buffer holds.
    Copy {
        buffer: Buffer,
        texture: Texture,
        texel: Texel,
    },
    Dispatch(Prepared),
}

/// Records work in order, dispatches between two copies in one pass.
pub(crate) fn record(work: &[Work], encoder: &mut CommandEncoder) {
    for run in work.chunk_by(|a, b| matches!((a, b), (Work::Dispatch(_), Work::Dispatch(_)))) {
        if let [
            Work::Copy {
                buffer,
                texture,
                texel,
            },
        ] = run
        {
            texels::record_copy(encoder, buffer, texture, *texel);
            continue;
        }
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for work in run {
            if let Work::Dispatch(prepared) = work {
                prepared.record(&mut pass);
            }
        }
    }
}

/// Makes variants of steps into work.
#[derive(Debug)]
pub(crate) struct Builder<'k> {
    maker: &'k Maker,
    pipelines: Pipelines<'k>,
    uploader: Uploader<'k>,
    /// By its index in a variant and its words: variants take turns with them.
    scratch: HashMap<(usize, usize), Buffer>,
    /// Textures of buffers, and those that hold what the buffer holds at this point of the work.
    textures: HashMap<(Buffer, Texel), Texture>,
    current: HashSet<(Buffer, Texel)>,
    work: Vec<Work>,
}

impl<'k> Builder<'k> {
    /// With a cache of pipelines, drivers look there before they compile.
    pub(crate) fn new(maker: &'k Maker, cache: Option<&'k PipelineCache>) -> Self {
        Self {
            maker,
            pipelines: Pipelines::new(maker, cache),
            uploader: Uploader::new(maker),
            scratch: HashMap::new(),
            textures: HashMap::new(),
            current: HashSet::new(),
            work: Vec::new(),
        }
    }

    /// The work of a variant of each unit, and the bytes of its scratch and textures.
    pub(crate) async fn work(
        mut self,
        units: &[Unit],
        variants: &[Variant],
        operands: &Operands<'_>,
    ) -> Result<(Vec<Work>, u64), WgpuError> {
        for (unit, variant) in units.iter().zip(variants) {
            self.push(variant, &operands.of(unit))?;
        }
        self.finish().await
    }

    /// Appends a variant's dispatches on the op's operands.
    pub(crate) fn push(
        &mut self,
        variant: &Variant,
        operands: &[Held<'_>],
    ) -> Result<(), WgpuError> {
        let mut scratch = Vec::new();
        for of in variant.scratch.iter().copied().enumerate() {
            scratch.push(self.scratch(of)?);
        }
        for dispatch in &variant.dispatches {
            let mut held = Vec::with_capacity(dispatch.operands.len());
            for operand in &dispatch.operands {
                held.push(match operand {
                    Operand::Scratch(index) => Held::Buffer(scratch[*index].clone()),
                    Operand::Given(index) => operands[*index].clone(),
                    Operand::Part(index) => self.part(&variant.parts[*index], operands)?,
                });
            }
            self.dispatch(dispatch, &held)?;
        }
        Ok(())
    }

    /// The work, once everything it reads has arrived and all of it is known to be good, and the bytes
    /// of its scratch and textures.
    pub(crate) async fn finish(mut self) -> Result<(Vec<Work>, u64), WgpuError> {
        // What could not be made is told before what could not be written to it.
        self.maker.settle().await?;
        self.uploader.flush()?;
        let scratch = self.scratch.values().map(Buffer::size);
        let textures = self.textures.values().map(texels::bytes);
        Ok((self.work, scratch.chain(textures).sum()))
    }

    /// A part of an operand, in a buffer of its own.
    fn part(&mut self, part: &Part, operands: &[Held<'_>]) -> Result<Held<'static>, WgpuError> {
        let Held::Tensor(tensor) = &operands[part.given] else {
            unreachable!("a plan's buffers are bound whole");
        };
        let buffer = tensor.buffer_of(&part.bytes, &mut self.uploader)?;
        Ok(Held::Buffer(buffer))
    }

    fn scratch(&mut self, of: (usize, usize)) -> Result<Buffer, WgpuError> {
        if let Some(buffer) = self.scratch.get(&of) {
            return Ok(buffer.clone());
        }
        let (_, words) = of;
        let buffer = buffers::storage(self.maker, "scratch", words as u64 * 4);
        // A word that is read before it is written shows in a trial and in every test.
        let poison = vec![f32::NAN; words];
        self.uploader
            .write(&buffer, 0, bytemuck::cast_slice(&poison))?;
        self.scratch.insert(of, buffer.clone());
        Ok(buffer)
    }

    fn dispatch(&mut self, dispatch: &Dispatch, operands: &[Held<'_>]) -> Result<(), WgpuError> {
        let kernel = dispatch.kernel;
        let mut bound = Vec::with_capacity(operands.len());
        for (held, access) in operands.iter().zip(kernel.bindings) {
            bound.push(self.bound(held, *access)?);
        }
        let prepared = self.pipelines.prepare(kernel, &dispatch.call, &bound);
        self.work.push(Work::Dispatch(prepared));
        for (bound, access) in bound.iter().zip(kernel.bindings) {
            if let (Bound::Buffer(written), Access::ReadWrite) = (bound, access) {
                self.current.retain(|(buffer, _)| buffer != written);
            }
        }
        Ok(())
    }

    fn bound(&mut self, held: &Held<'_>, access: Access) -> Result<Bound, WgpuError> {
        Ok(match (held, access) {
            (Held::Buffer(buffer), Access::Texels(texel)) => {
                let texture = self.current_texture(buffer, texel);
                Bound::Texture(texture.create_view(&Default::default()))
            }
            (Held::Tensor(tensor), Access::Texels(texel)) => {
                let texture = tensor.texture(texel, &mut self.uploader)?;
                Bound::Texture(texture.create_view(&Default::default()))
            }
            (Held::Buffer(buffer), _) => Bound::Buffer(buffer.clone()),
            (Held::Tensor(tensor), _) => Bound::Buffer(tensor.buffer(&mut self.uploader)?),
        })
    }

    /// A texture that holds what the buffer holds at this point of the work.
    fn current_texture(&mut self, buffer: &Buffer, texel: Texel) -> Texture {
        let key = (buffer.clone(), texel);
        let texture = match self.textures.get(&key) {
            Some(texture) => texture.clone(),
            None => {
                let texture = texels::texture(self.maker, "texels", buffer.size(), texel);
                self.textures.insert(key.clone(), texture.clone());
                texture
            }
        };
        if self.current.insert(key) {
            self.work.push(Work::Copy {
                buffer: buffer.clone(),
                texture: texture.clone(),
                texel,
            });
        }
        texture
    }
}
