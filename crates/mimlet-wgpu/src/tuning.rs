//! Which variant of each unit a GPU runs.

use crate::choices::Choices;
use crate::error::WgpuError;
use crate::gpu::Gpu;
use crate::offers::{self, Room};
use crate::operands::Operands;
use crate::ranges;
use crate::trial::{Expected, Kind, Trial};
use crate::units::Unit;
use mimlet_format::Model;
use mimlet_kernels::{Access, Epilogue, Operand, Variant, linear};
use mimlet_runtime::{BufferId, CpuStepper, Plan, Step};
use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;
use web_time::Instant;
use wgpu::Features;

/// How the variant of each unit is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tuning<'p> {
    /// By what suits GPUs of its kind.
    VendorOrder,
    /// By trying each on the model's own shapes, as long as it gives the CPU's results. What was found
    /// is kept in this folder, if any, and so is what the driver compiled.
    ///
    /// Among them, of 16-bit weights on a GPU that computes in 16-bit floats, are kernels that round
    /// their rows to such floats, where the file's weights prove that none is too large for one. Their
    /// results are held to the CPU's by what that rounding may change.
    Measured(Option<&'p Path>),
    /// As [`Tuning::Measured`], with rows of 32-bit floats alone.
    WholeRows(Option<&'p Path>),
    /// The first of each, which asks least of a GPU: 32-bit floats and exact integers from buffers,
    /// without textures, tiles in workgroup memory, packed products of bytes or 16-bit floats. For a
    /// driver that has one of those wrong.
    Plainest,
}

impl<'p> Tuning<'p> {
    /// Where things are kept.
    pub(crate) fn folder(self) -> Option<&'p Path> {
        match self {
            Self::Measured(folder) | Self::WholeRows(folder) => folder,
            Self::VendorOrder | Self::Plainest => None,
        }
    }
}

/// How long the trials of one model may take. Units that are not reached go by the vendor.
const BUDGET: Duration = Duration::from_millis(1500);

/// The variant of each unit.
pub(crate) async fn choose(
    gpu: &Gpu,
    model: &Model<'_>,
    plan: &Plan,
    (units, operands): (&[Unit], &Operands<'_>),
    tuning: Tuning<'_>,
) -> Result<Vec<Variant>, WgpuError> {
    let room = Room::of(gpu);
    if tuning == Tuning::Plainest {
        let plainest = |unit| offers::plainest(room, unit, &operands.of(unit));
        return Ok(units.iter().map(plainest).collect());
    }
    let halves = may_halve_rows(gpu, model, units, tuning)?;
    let each = units.iter().zip(halves);
    let offered: Vec<Vec<Variant>> = each
        .map(|(u, halves)| offers::offered(gpu, room, u, &operands.of(u), halves))
        .collect();
    let (Tuning::Measured(folder) | Tuning::WholeRows(folder)) = tuning else {
        return Ok(offered.into_iter().map(first).collect());
    };
    let mut choices = Choices::load(gpu.description(), folder);
    if offered.iter().any(|o| o.len() > 1 && !choices.know(o)) {
        let offers = units.iter().zip(&offered);
        measure(gpu, model, plan, operands, offers, &mut choices).await?;
        operands.drop_copies();
        choices.save();
    }
    let chosen = |offered: Vec<Variant>| match choices.of(&offered) {
        Some(index) => offered.into_iter().nth(index).into_iter().collect(),
        None => offered,
    };
    Ok(offered.into_iter().map(chosen).map(first).collect())
}

fn first(variants: Vec<Variant>) -> Variant {
    let mut variants = variants.into_iter();
    variants
        .next()
        .expect("every GPU runs an op's first kernel")
}

/// Of each unit, whether its rows may be rounded to 16-bit floats. That is found out for those who try the
/// kernels that do, alone: others ask nothing of the weights.
fn may_halve_rows(
    gpu: &Gpu,
    model: &Model<'_>,
    units: &[Unit],
    tuning: Tuning<'_>,
) -> Result<Vec<bool>, WgpuError> {
    let has_f16 = gpu.device.features().contains(Features::SHADER_F16);
    let halves = |unit: &Unit| unit.variants(1).iter().any(Variant::halves_rows);
    if !matches!(tuning, Tuning::Measured(_)) || !has_f16 || !units.iter().any(halves) {
        return Ok(vec![false; units.len()]);
    }
    let bounds = ranges::input_bounds(model, units)?;
    // NaN is within no bound.
    Ok(bounds.into_iter().map(|b| b <= ranges::HALF_ROWS).collect())
}

/// Runs the plan on the CPU, and each unit that is not known yet on the GPU beside it.
async fn measure(
    gpu: &Gpu,
    model: &Model<'_>,
    plan: &Plan,
    operands: &Operands<'_>,
    offers: impl Iterator<Item = (&Unit, &Vec<Variant>)>,
    choices: &mut Choices,
) -> Result<(), WgpuError> {
    let limit = Instant::now() + BUDGET;
    let mut cpu = CpuStepper::new(model, plan, image(plan)).map_err(WgpuError::ForeignPlan)?;
    // What was far behind with one shape is not tried with the next.
    let mut beaten = HashSet::new();
    for (unit, offered) in offers {
        if offered.len() == 1 || choices.know(offered) {
            (0..unit.steps).for_each(|_| cpu.step());
            continue;
        }
        if Instant::now() >= limit {
            break;
        }
        let trial = trial(model, operands, &mut cpu, plan, unit);
        for candidates in rounds(gpu, offered, &beaten) {
            let outcome = trial.outcome(gpu, &candidates, limit).await?;
            beaten.extend(outcome.beaten);
            if let Some(fastest) = outcome.fastest {
                choices.add(offered, &fastest);
                break;
            }
        }
    }
    Ok(())
}

/// The variants to try together, and those to try when none of the ones before is right: what is not
/// worth it on this GPU, and what was far behind or wrong with another shape.
fn rounds<'v>(
    gpu: &Gpu,
    offered: &'v [Variant],
    beaten: &HashSet<String>,
) -> [Vec<&'v Variant>; 2] {
    let last =
        |variant: &Variant| gpu.description().spares(variant) || beaten.contains(&variant.name());
    let (later, first) = offered.iter().partition(|variant| last(variant));
    [first, later]
}

/// Runs a unit on the CPU, and what a GPU must make of the same operands.
fn trial<'m>(
    model: &Model<'m>,
    operands: &Operands<'m>,
    cpu: &mut CpuStepper<'_>,
    plan: &Plan,
    unit: &Unit,
) -> Trial<'m> {
    let held = |id: BufferId| match id {
        id if id == plan.image() => image(plan).into_iter().map(f32::to_bits).collect(),
        id => cpu.words(id).to_vec(),
    };
    let written = written(unit, &first(unit.variants(1)));
    let mut before = Vec::new();
    for (_, id) in Operands::buffers_of(unit) {
        let mut words = held(id);
        // What is only written starts as NaN, so that a value nobody wrote is seen.
        if written.contains(&id) && unit.folded.epilogue != Epilogue::Add {
            words.fill(f32::NAN.to_bits());
        }
        before.push((operands.buffer(id).clone(), words));
    }
    let slack = half_rows_slack(model, cpu, unit);
    (0..unit.steps).for_each(|_| cpu.step());
    let expected = |id: &BufferId| Expected {
        buffer: operands.buffer(*id).clone(),
        words: cpu.words(*id)[..extent(unit, cpu.words(*id).len())].to_vec(),
        kind: kind(unit, *id),
        slack: slack.clone(),
    };
    Trial {
        operands: operands.of(unit),
        before,
        expected: written.iter().map(expected).collect(),
    }
}

/// By how much outputs of a unit's variants that round their rows may differ; empty where it has none. The
/// unit is the next to run on the CPU.
fn half_rows_slack(model: &Model<'_>, cpu: &CpuStepper<'_>, unit: &Unit) -> Vec<f32> {
    let Step::Linear {
        ref params,
        rows,
        x,
        weight,
        ..
    } = unit.folded.step
    else {
        return Vec::new();
    };
    let weight = model.tensor(weight).and_then(|weight| weight.f16_bits());
    let rows = &cpu.words(x)[..rows as usize * params.inputs];
    let rows = bytemuck::cast_slice(rows);
    let slack = |bits| linear::half_rows_slack(params, rows, bits, unit.folded.epilogue);
    weight.map_or_else(Vec::new, slack)
}

/// An image of no special kind: a gradient with fine stripes.
fn image(plan: &Plan) -> Vec<f32> {
    let words = plan.buffers()[plan.image().index()].words;
    let value = |index: usize| {
        let (slow, fast) = (index as f32 / words as f32, (index % 17) as f32 / 17.0);
        slow + fast - 1.0
    };
    (0..words).map(value).collect()
}

/// The buffers that a unit writes.
fn written(unit: &Unit, variant: &Variant) -> Vec<BufferId> {
    let mut written = Vec::new();
    for (index, id) in Operands::buffers_of(unit) {
        let writes = variant.dispatches.iter().any(|dispatch| {
            let mut bound = dispatch.operands.iter().zip(dispatch.kernel.bindings);
            bound.any(|bound| bound == (&Operand::Given(index), &Access::ReadWrite))
        });
        if writes {
            written.push(id);
        }
    }
    written
}

/// Words of a buffer that a unit fills: those for several widths may be longer.
fn extent(unit: &Unit, len: usize) -> usize {
    match unit.folded.step {
        Step::Linear { params, rows, .. } => params.outputs * rows as usize,
        Step::LinearQ8 { params, rows, .. } => params.outputs * rows as usize,
        Step::LinearQ4 { params, rows, .. } => params.outputs * rows as usize,
        _ => len,
    }
}

fn kind(unit: &Unit, id: BufferId) -> Kind {
    match unit.folded.step {
        Step::NearestCentroid { tokens, .. } if tokens == id => Kind::Tokens,
        _ => Kind::Floats,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Features, Operands, Room, Step, Tuning, Variant, choose, image, may_halve_rows, offers,
        trial,
    };
    use crate::maker::Maker;
    use crate::model::{FOURS, random};
    use crate::requirements::features_of;
    use crate::units::Unit;
    use crate::{Choice, Gpu, Requirements};
    use mimlet_format::{CodebookSpace, DType, Model};
    use mimlet_kernels::WgslKernel;
    use mimlet_runtime::{CpuStepper, Plan};
    use std::time::Duration;

    /// Runs `test` for each type of weights, on a model of its own and the best GPU opened for it.
    fn on_each_type(test: impl Fn(DType, &Gpu, &Model<'_>, &Plan, &[Unit], &Operands<'_>)) {
        if std::env::var_os("MIMLET_GPU").is_some_and(|value| value == "skip") {
            return;
        }
        for dtype in [DType::F32, DType::F16, DType::I8, DType::I4] {
            let file = random(dtype, CodebookSpace::Features, FOURS);
            let model = Model::parse(&file).unwrap();
            let plan = Plan::new(model.manifest()).unwrap();
            let units = Unit::of(&plan);
            let gpu = Gpu::open(&Choice::Best, &Requirements::Plan(&plan)).unwrap();
            let maker = Maker::new(&gpu);
            let operands = Operands::new(&maker, &model, &plan, &units).unwrap();
            test(dtype, &gpu, &model, &plan, &units, &operands);
        }
    }

    /// Else they would not stand in for anything.
    #[test]
    fn the_plainest_kernels_ask_least() {
        on_each_type(|dtype, gpu, model, plan, units, operands| {
            let chosen = choose(gpu, model, plan, (units, operands), Tuning::Plainest);
            let chosen = pollster::block_on(chosen).unwrap();
            assert_eq!(chosen.len(), units.len());
            for variant in chosen {
                let needs = features_of(&variant) != Features::empty();
                let asks = variant.reads_texels() || variant.packs_bytes() || needs;
                assert!(!asks, "{} of {dtype:?}", variant.name());
            }
        });
    }

    /// Of 16-bit weights alone, on a GPU that has such floats, and where their loss is found out by trying.
    #[test]
    fn rows_are_halved_by_those_who_try_it_alone() {
        on_each_type(|dtype, gpu, model, _, units, operands| {
            let has_f16 = gpu.device.features().contains(Features::SHADER_F16);
            let linear = |unit: &&Unit| matches!(unit.folded.step, Step::Linear { .. });
            for tuning in [
                Tuning::Measured(None),
                Tuning::WholeRows(None),
                Tuning::VendorOrder,
            ] {
                let may = may_halve_rows(gpu, model, units, tuning).unwrap();
                let offers = |(unit, may): &(&Unit, bool)| {
                    let room = Room::of(gpu);
                    let offered = offers::offered(gpu, room, unit, &operands.of(unit), *may);
                    offered.iter().any(Variant::halves_rows)
                };
                let count = units.iter().zip(may).filter(offers).count();
                let tries = tuning == Tuning::Measured(None) && has_f16 && dtype == DType::F16;
                let expected = if tries {
                    units.iter().filter(linear).count()
                } else {
                    0
                };
                assert_eq!(count, expected, "{tuning:?} of {dtype:?}");
            }
        });
    }

    /// Where it is, the next variant is chosen: what a fault changes is more than rounding may.
    #[test]
    fn a_fault_in_a_kernel_that_halves_rows_is_found_by_its_trial() {
        on_each_type(|_, gpu, model, plan, units, operands| {
            let mut cpu = CpuStepper::new(model, plan, image(plan)).unwrap();
            let has_f16 = gpu.device.features().contains(Features::SHADER_F16);
            for unit in units {
                let trial = trial(model, operands, &mut cpu, plan, unit);
                let halved = unit.variants(1).into_iter().find(Variant::halves_rows);
                let Some(halved) = halved.filter(|_| has_f16) else {
                    continue;
                };
                let time = |variant: &Variant| {
                    pollster::block_on(trial.time(gpu, variant, Duration::MAX)).unwrap()
                };
                assert!(time(&halved).is_some());
                // One input of a tile is another's.
                let mut planted = halved;
                let kernel = planted.dispatches[0].kernel;
                let right = "vec4<f32>(rows[k * STRIDE + lane.y])";
                let source = kernel.source.replace(right, "vec4<f32>(rows[lane.y])");
                assert_ne!(source, kernel.source);
                planted.dispatches[0].kernel = Box::leak(Box::new(WgslKernel {
                    source: Box::leak(source.into_boxed_str()),
                    ..*kernel
                }));
                assert!(time(&planted).is_none());
            }
        });
    }

    /// One that is not would never be chosen, and nobody would know.
    #[test]
    fn every_variant_is_right_on_a_models_own_weights() {
        on_each_type(|dtype, gpu, model, plan, units, operands| {
            let mut cpu = CpuStepper::new(model, plan, image(plan)).unwrap();
            let mut tried = Vec::new();
            for unit in units {
                let variants = unit.variants(1);
                let trial = trial(model, operands, &mut cpu, plan, unit);
                if tried.contains(&variants) {
                    continue;
                }
                for variant in variants.iter().filter(|v| gpu.runs(v)) {
                    let time = trial.time(gpu, variant, Duration::MAX);
                    let time = pollster::block_on(time).unwrap();
                    assert!(time.is_some(), "{} of {dtype:?}", variant.name());
                }
                tried.push(variants);
            }
        });
    }
}
