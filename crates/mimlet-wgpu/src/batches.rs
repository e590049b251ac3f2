//! Passes of several images: how many fit, with which kernels, and what is made of them the first time.

use crate::error::WgpuError;
use crate::gpu::{Fault, Gpu};
use crate::maker::Maker;
use crate::offers::Room;
use crate::pass::Pass;
use crate::pipeline_cache::KeptPipelines;
use crate::program::Builder;
use crate::resident::Resident;
use crate::units::Unit;
use mimlet_kernels::Variant;
use mimlet_runtime::{BufferSpec, Encoding, Plan};

mod proof;
#[cfg(test)]
mod tests;

/// What passes of several images are made of, and the one that there is.
#[derive(Debug)]
pub(crate) struct Batches {
    plan: Plan,
    units: Vec<Unit>,
    /// Those that one image is run with.
    chosen: Vec<Variant>,
    resident: Resident,
    /// Those that a driver need not compile again.
    pipelines: Option<KeptPipelines>,
    /// More are known not to fit.
    most: usize,
    pass: Option<Pass>,
    /// Whether the pass was seen to give what each image gives alone.
    proven: bool,
}

impl Batches {
    /// Beside the kernels chosen for one image.
    pub(crate) fn new(
        plan: Plan,
        (units, chosen): (Vec<Unit>, Vec<Variant>),
        resident: Resident,
        pipelines: Option<KeptPipelines>,
    ) -> Self {
        Self {
            plan,
            units,
            chosen,
            resident,
            pipelines,
            most: usize::MAX,
            pass: None,
            proven: false,
        }
    }

    /// Images that run at once.
    fn images(&self) -> usize {
        self.pass.as_ref().map_or(1, Pass::images)
    }

    /// How many images at once are best, where there are many.
    pub(crate) fn images_at_once(&self, gpu: &Gpu) -> usize {
        match gpu.description().is_software() {
            // A CPU has enough to do with one.
            true => 1,
            false => enough(self.plan.config().tokens() as usize),
        }
    }

    /// Bytes on the GPU beside the weights.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let pass = self.pass.as_ref();
        let resident = self.resident.bytes();
        pass.map_or(0, |pass| pass.memory_bytes() - resident)
    }

    /// Runs images, as many at once as there is room for, and the others in the pass for one.
    pub(crate) async fn run(
        &mut self,
        gpu: &Gpu,
        single: &mut Pass,
        images: &[&[f32]],
        encodings: &mut [Encoding],
    ) -> Result<(), Fault> {
        let size = self.make_room(gpu, images.len()).await?;
        for (images, encodings) in images.chunks(size).zip(encodings.chunks_mut(size)) {
            let Some(pass) = self.pass_for(images.len()) else {
                one_by_one(gpu, single, images, encodings).await?;
                continue;
            };
            pass.run(gpu, images, encodings).await?;
            if !self.proven {
                self.prove(gpu, single, images, encodings).await?;
            }
        }
        Ok(())
    }

    /// Holds what images were encoded to together to what each is alone. A pass that has it wrong is no
    /// more, and then the encodings are of each alone.
    async fn prove(
        &mut self,
        gpu: &Gpu,
        single: &mut Pass,
        images: &[&[f32]],
        encodings: &mut [Encoding],
    ) -> Result<(), Fault> {
        let together = encodings.to_vec();
        one_by_one(gpu, single, images, encodings).await?;
        self.proven = proof::agree(&together, encodings);
        if self.proven {
            encodings.clone_from_slice(&together);
        } else {
            self.pass = None;
            self.most = 1;
        }
        Ok(())
    }

    /// The pass that so many images run in, at most [`Batches::images`]: none where they would leave half of
    /// it empty or more.
    fn pass_for(&mut self, images: usize) -> Option<&mut Pass> {
        let pass = self.pass.as_mut();
        pass.filter(|pass| images * 2 > pass.images())
    }

    /// Sees to it that `wanted` images run in as few passes as there is room for, and says how many each
    /// takes. What there is stays as long as it is large enough.
    async fn make_room(&mut self, gpu: &Gpu, wanted: usize) -> Result<usize, Fault> {
        let passes = wanted.div_ceil(self.most).max(1);
        let even = wanted.div_ceil(passes);
        if even > self.images() {
            // Its memory is free before another asks for some.
            self.pass = None;
            self.proven = false;
            gpu.wait(gpu.queue.submit([]))?;
            let room = Room::of(gpu);
            let fits = largest(even, |images| self.variants(gpu, room, images).is_some());
            self.pass = halved_until(fits, async |images| self.made(gpu, images).await).await?;
            if let Some(pipelines) = &mut self.pipelines {
                pipelines.save();
            }
            if self.images() < even {
                self.most = self.images();
            }
        }
        Ok(self.images())
    }

    /// The variant of each unit for so many images: the one that was chosen for one image, and where there
    /// is none for so many, the first in the vendor's order. `None` where there is no room.
    fn variants(&self, gpu: &Gpu, room: Room, images: usize) -> Option<Vec<Variant>> {
        let count = u32::try_from(images).ok()?;
        let most = gpu.device.limits().max_buffer_size;
        let largest = self.plan.buffers().iter().map(BufferSpec::bytes).max()?;
        let read: u64 = self
            .plan
            .outputs()
            .map(|id| self.plan.buffers()[id.index()].bytes())
            .sum();
        if largest.max(read) * u64::from(count) > most {
            return None;
        }
        let units = self.units.iter().zip(&self.chosen);
        units
            .map(|(unit, chosen)| self.variant(gpu, room, (unit, chosen), count))
            .collect()
    }

    fn variant(
        &self,
        gpu: &Gpu,
        room: Room,
        (unit, chosen): (&Unit, &Variant),
        images: u32,
    ) -> Option<Variant> {
        let sizes = self.resident.sizes(&self.plan, unit, images);
        let mut variants = unit.variants(images);
        // Whose kernels ask least of a GPU has a reason.
        if variants[0].name() == chosen.name() {
            variants.truncate(1);
        }
        if !chosen.parts.is_empty() {
            variants = unit
                .in_parts(room.buffer_bytes, images)
                .into_iter()
                .collect();
        }
        variants.retain(|variant| {
            let rounds = variant.halves_rows() && !chosen.halves_rows();
            // Into how many shares depends on the rows, and with many there is no need.
            let may = !rounds && !variant.splits_sums() && gpu.runs(variant);
            may && room.holds(variant, &sizes) && self.resident.suits(unit, variant)
        });
        gpu.description().arrange(&mut variants);
        let same = variants.iter().position(|v| v.name() == chosen.name());
        variants.into_iter().nth(same.unwrap_or(0))
    }

    async fn made(&self, gpu: &Gpu, images: usize) -> Result<Pass, WgpuError> {
        let variants = self.variants(gpu, Room::of(gpu), images);
        let variants = variants.expect("where more fit, fewer do");
        let maker = Maker::new(gpu);
        let count = images as u32;
        let operands = self
            .resident
            .operands(&maker, &self.plan, &self.units, count);
        let pipelines = self.pipelines.as_ref().map(|kept| &kept.cache);
        let work = Builder::new(&maker, pipelines)
            .work(&self.units, &variants, &operands)
            .await?;
        Pass::new(&maker, &self.plan, &operands, work, images).await
    }
}

async fn one_by_one(
    gpu: &Gpu,
    single: &mut Pass,
    images: &[&[f32]],
    encodings: &mut [Encoding],
) -> Result<(), Fault> {
    for (image, encoding) in images.iter().zip(encodings) {
        let encodings = std::slice::from_mut(encoding);
        single.run(gpu, &[image], encodings).await?;
    }
    Ok(())
}

/// Images of so many rows each that keep a large GPU busy: 4096 rows make 192 tiles of 64 x 64 in a layer of
/// 192 outputs, and an H200 has 132 multiprocessors. More than 32 wait longer for each other than they gain.
fn enough(rows: usize) -> usize {
    4096_usize.div_ceil(rows).min(32)
}

/// The largest of `1..=most` that fits, where 1 does and all below one that does.
fn largest(most: usize, fits: impl Fn(usize) -> bool) -> usize {
    let (mut fit, mut most) = (1, most);
    while fit < most {
        let middle = fit + (most - fit).div_ceil(2);
        match fits(middle) {
            true => fit = middle,
            false => most = middle - 1,
        }
    }
    fit
}

/// What can be made for `images` images, or for half as many, and so on: a device may have no memory for
/// more, or its driver refuse it. `None` for one image, which needs nothing made.
async fn halved_until<T>(
    mut images: usize,
    make: impl AsyncFn(usize) -> Result<T, WgpuError>,
) -> Result<Option<T>, Fault> {
    while images > 1 {
        match make(images).await {
            Ok(made) => return Ok(Some(made)),
            Err(WgpuError::DeviceLost { reason, .. }) => return Err(Fault::Lost(reason)),
            Err(_) => images /= 2,
        }
    }
    Ok(None)
}
