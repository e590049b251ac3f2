//! Which variant of each unit a GPU runs.

use crate::choices::Choices;
use crate::error::WgpuError;
use crate::gpu::Gpu;
use crate::means::Means;
use crate::operands::Operands;
use crate::texels;
use crate::trial::{Expected, Kind, Trial};
use crate::units::Unit;
use mimlet_format::Model;
use mimlet_kernels::{Access, Epilogue, Operand, Variant, quantize_rows};
use mimlet_runtime::{BufferId, CpuStepper, Plan, Step};
use std::path::Path;
use std::time::Duration;
use web_time::Instant;

/// How the variant of each unit is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tuning<'p> {
    /// By what suits GPUs of its kind.
    VendorOrder,
    /// By trying each on the model's own shapes, as long as it gives the CPU's results. What was found
    /// is kept in this folder, if any.
    Measured(Option<&'p Path>),
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
    let offered: Vec<Vec<Variant>> = units.iter().map(|u| offered(gpu, plan, u)).collect();
    let Tuning::Measured(folder) = tuning else {
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

/// The variants of a unit that this GPU can run, in its vendor's order; of two alike the one with fewer
/// dispatches first.
fn offered(gpu: &Gpu, plan: &Plan, unit: &Unit) -> Vec<Variant> {
    let mut variants = unit.variants();
    variants.retain(|variant| textures_fit(gpu, plan, unit, variant));
    let order = gpu.description().order_of_means();
    let rank = |variant: &Variant| order.iter().position(|means| *means == Means::of(variant));
    variants.sort_by_key(|variant| (rank(variant), variant.dispatches.len()));
    variants
}

/// Whether every buffer of the plan that a variant reads as a texture makes one. Tensors are bound by
/// the same: the largest is the plan's to know.
fn textures_fit(gpu: &Gpu, plan: &Plan, unit: &Unit, variant: &Variant) -> bool {
    let most = u64::from(gpu.device.limits().max_texture_dimension_2d);
    let buffers = Operands::buffers_of(unit);
    variant.dispatches.iter().all(|dispatch| {
        let bound = dispatch.operands.iter().zip(dispatch.kernel.bindings);
        bound.into_iter().all(|(operand, access)| {
            let Access::Texels(texel) = *access else {
                return true;
            };
            let of_plan = |index| buffers.iter().find(|(i, _)| *i == index);
            let bytes = match operand {
                Operand::Scratch => variant.scratch_words as u64 * 4,
                Operand::Given(index) => match of_plan(*index) {
                    Some((_, id)) => plan.buffers()[id.index()].bytes(),
                    None => plan.largest_tensor_bytes(),
                },
            };
            texels::rows(bytes, texel) <= most
        })
    })
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
    let image = image(plan);
    let words: Vec<u32> = image.iter().map(|value| value.to_bits()).collect();
    let mut cpu = CpuStepper::new(model, plan, image).map_err(WgpuError::ForeignPlan)?;
    for (unit, offered) in offers {
        if offered.len() == 1 || choices.know(offered) {
            (0..unit.steps()).for_each(|_| cpu.step());
            continue;
        }
        if Instant::now() >= limit {
            break;
        }
        let held = |id: BufferId| match id {
            id if id == plan.image() => words.clone(),
            id => cpu.words(id).to_vec(),
        };
        let written = written(unit, &offered[0]);
        let mut before = Vec::new();
        for (_, id) in Operands::buffers_of(unit) {
            let mut words = held(id);
            // What is only written starts as NaN, so that a value nobody wrote is seen.
            if written.contains(&id) && unit.folded.epilogue != Epilogue::Add {
                words.fill(f32::NAN.to_bits());
            }
            before.push((operands.buffer(id).clone(), words));
        }
        (0..unit.steps()).for_each(|_| cpu.step());
        let expected = |id: &BufferId| Expected {
            buffer: operands.buffer(*id).clone(),
            words: cpu.words(*id)[..extent(unit, cpu.words(*id).len())].to_vec(),
            kind: kind(unit, *id),
        };
        let trial = Trial {
            operands: operands.of(unit),
            before,
            expected: written.iter().map(expected).collect(),
        };
        let candidates: Vec<&Variant> = offered.iter().collect();
        if let Some(index) = trial.fastest(gpu, &candidates, limit).await? {
            choices.add(offered, index);
        }
    }
    Ok(())
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
        Step::QuantizeRows { params, rows, .. } => {
            quantize_rows::row_words(params.dim) * rows as usize
        }
        _ => len,
    }
}

fn kind(unit: &Unit, id: BufferId) -> Kind {
    match unit.folded.step {
        Step::QuantizeRows { params, .. } => {
            Kind::QuantizedRows(quantize_rows::row_words(params.dim))
        }
        Step::NearestCentroid { tokens, .. } if tokens == id => Kind::Tokens,
        _ => Kind::Floats,
    }
}
