//! The variants of a unit that a GPU can run.

use crate::buffers;
use crate::gpu::Gpu;
use crate::operands::Held;
use crate::texels;
use crate::units::Unit;
use mimlet_kernels::{Access, Operand, Variant};

/// How much a GPU binds at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// Bytes of a storage buffer.
    pub(crate) buffer_bytes: u64,
    /// Rows of a texture.
    pub(crate) texture_rows: u64,
    /// Workgroups along a dimension.
    pub(crate) workgroups: u32,
}

impl Room {
    pub(crate) fn of(gpu: &Gpu) -> Self {
        Self {
            buffer_bytes: gpu.limits().max_binding_bytes,
            texture_rows: gpu.device.limits().max_texture_dimension_2d.into(),
            workgroups: gpu.limits().max_workgroups,
        }
    }

    /// Whether there is room for each thing that a variant binds, in the form in which it does, and for its
    /// workgroups; of operands of so many bytes each.
    pub(crate) fn holds(self, variant: &Variant, operands: &[u64]) -> bool {
        let bytes = |operand: &Operand| match operand {
            Operand::Scratch(index) => variant.scratch[*index] as u64 * 4,
            Operand::Given(index) => operands[*index],
            Operand::Part(index) => variant.parts[*index].size() as u64,
        };
        let fits = |(operand, access): (&Operand, &Access)| match access {
            Access::Texels(texel) => texels::rows(bytes(operand), *texel) <= self.texture_rows,
            Access::Read | Access::ReadWrite => {
                buffers::padded(bytes(operand)) <= self.buffer_bytes
            }
        };
        let mut dispatches = variant.dispatches.iter();
        dispatches.all(|d| {
            let few = d.call.workgroups.iter().all(|&n| n <= self.workgroups);
            few && d.operands.iter().zip(d.kernel.bindings).all(fits)
        })
    }
}

/// Bytes of each operand.
fn sizes(operands: &[Held<'_>]) -> Vec<u64> {
    operands.iter().map(Held::bytes).collect()
}

/// A unit's first variant, which asks least of a GPU; in parts where its weight is larger than the GPU binds
/// or a dispatch takes at once.
pub(crate) fn plainest(room: Room, unit: &Unit, operands: &[Held<'_>]) -> Variant {
    let mut variants = unit.variants(1).into_iter();
    let first = variants.next();
    let first = first.expect("every op has a kernel that every GPU runs");
    if unit.may_be_whole() && room.holds(&first, &sizes(operands)) {
        return first;
    }
    // A plan that fits has parts that fit.
    unit.in_parts(room.buffer_bytes, 1).unwrap_or(first)
}

/// The variants of a unit that a GPU can run, in its vendor's order; those that round their rows if `halves`.
pub(crate) fn offered(
    gpu: &Gpu,
    room: Room,
    unit: &Unit,
    operands: &[Held<'_>],
    halves: bool,
) -> Vec<Variant> {
    let others = unit.variants(1).into_iter().skip(1);
    let sizes = sizes(operands);
    let others = others.filter(|variant| {
        let may_round = halves || !variant.halves_rows();
        may_round && gpu.runs(variant) && room.holds(variant, &sizes)
    });
    let mut variants = vec![plainest(room, unit, operands)];
    variants.extend(others);
    gpu.description().arrange(&mut variants);
    variants
}

#[cfg(test)]
mod tests {
    use super::{Room, offered, plainest};
    use crate::maker::Maker;
    use crate::model::{FOURS, random};
    use crate::operands::Operands;
    use crate::units::Unit;
    use crate::{Choice, Gpu, Requirements, WgpuBackend};
    use mimlet_format::{CodebookSpace, DType, Model, include_aligned};
    use mimlet_kernels::{Variant, panel};
    use mimlet_runtime::acceptance::golden_images;
    use mimlet_runtime::{DeviceLimits, Encoder, Plan, Step};

    fn is_skipped() -> bool {
        std::env::var_os("MIMLET_GPU").is_some_and(|value| value == "skip")
    }

    /// The patch embedding's 3 x 16 x 192 floats take two rows of a texture; keys of attention, of 17 tokens
    /// for each of 3 heads, 3 x 17 x 3 x 12 words of scratch, which is as much as queries, keys and values are,
    /// which scores in fours bind as a buffer.
    #[test]
    fn a_texture_or_a_scratch_beyond_the_limits_is_not_offered() {
        if is_skipped() {
            return;
        }
        let file = random(DType::F32, CodebookSpace::Features, FOURS);
        let model = Model::parse(&file).unwrap();
        let plan = Plan::new(model.manifest()).unwrap();
        let units = Unit::of(&plan);
        let within = Requirements::Within(DeviceLimits::DOWNLEVEL);
        let gpu = Gpu::open(&Choice::Best, &within).unwrap();
        let operands = Operands::new(&Maker::new(&gpu), &model, &plan, &units).unwrap();
        let offers = |room, is: fn(&Step) -> bool| {
            let unit = units.iter().find(|unit| is(&unit.folded.step)).unwrap();
            offered(&gpu, room, unit, &operands.of(unit), true)
        };
        let textures = |texture_rows, is| {
            let room = Room {
                texture_rows,
                ..Room::of(&gpu)
            };
            offers(room, is).iter().any(Variant::reads_texels)
        };
        let embeds = |step: &Step| matches!(step, Step::PatchEmbed { .. });
        assert!(textures(2, embeds) && !textures(1, embeds));
        let multiplies = |step: &Step| matches!(step, Step::Linear { .. });
        assert!(textures(1, multiplies));
        let ways = |buffer_bytes| {
            let room = Room {
                buffer_bytes,
                ..Room::of(&gpu)
            };
            offers(room, |step| matches!(step, Step::Attention { .. })).len()
        };
        let scratch = 3 * 17 * 3 * 12 * 4;
        assert_eq!([ways(scratch), ways(scratch - 1)], [3, 1]);
    }

    /// Their weights fit any GPU: three parts of each are forced on them.
    #[test]
    fn bundled_models_in_parts_give_the_same_bits() {
        if is_skipped() {
            return;
        }
        let digits = include_aligned!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../models/digits-tiny/digits-tiny.int8.mim"
        ));
        let shapes = include_aligned!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../models/shapes-tiny/shapes-tiny.int8.mim"
        ));
        let within = Requirements::Within(DeviceLimits::DOWNLEVEL);
        let gpu = Gpu::open(&Choice::Best, &within).unwrap();
        for bytes in [digits, shapes] {
            let model = Model::parse(bytes).unwrap();
            let plan = Plan::new(model.manifest()).unwrap();
            let units = Unit::of(&plan);
            let operands = Operands::new(&Maker::new(&gpu), &model, &plan, &units).unwrap();
            let whole = |unit: &Unit| plainest(Room::of(&gpu), unit, &operands.of(unit));
            let in_parts = |unit: &Unit| match unit.folded.step.panel_weight() {
                Some((_, weight)) => {
                    let panels = weight.channels.div_ceil(3 * panel::WIDTH) as u64;
                    unit.in_parts(panels * weight.least_bytes(), 1).unwrap()
                }
                None => whole(unit),
            };
            let [whole, parts]: [Vec<Variant>; 2] = [
                units.iter().map(whole).collect(),
                units.iter().map(in_parts).collect(),
            ];
            assert!(whole.iter().all(|variant| variant.parts.is_empty()));
            let [mut whole, mut parts] = [whole, parts].map(|variants| {
                let backend = WgpuBackend::of_variants(&gpu, &model, &plan, &variants);
                let backend = pollster::block_on(backend).unwrap();
                Encoder::new(&model, &plan, Box::new(backend))
            });
            for image in golden_images(&model).iter().take(4) {
                let expected = whole.encode_pixels(image).unwrap();
                assert_eq!(parts.encode_pixels(image).unwrap(), expected);
            }
        }
    }
}
