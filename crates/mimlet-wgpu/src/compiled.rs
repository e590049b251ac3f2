//! Every kernel compiled by itself, to learn what a driver makes of it.

use crate::error::WgpuError;
use crate::gpu::Gpu;
use crate::maker::Maker;
use crate::pipelines::{Pipelines, shape};
use crate::units::Unit;
use mimlet_runtime::Plan;
use std::collections::HashSet;

/// Compiles every kernel of every variant that a GPU is offered for a plan's steps, with the constants of
/// their shapes, each once. `compiling` is told a kernel's name and its constants before the driver gets to
/// see it: what a driver then prints of a program is of that kernel.
///
/// # Errors
/// [`WgpuError`] of the first kernel that the driver does not take.
///
/// ```no_run
/// use mimlet_runtime::Plan;
/// use mimlet_wgpu::{Choice, Gpu, Requirements, compile_each};
/// # fn compile(model: &mimlet_format::Model<'_>) -> Result<(), Box<dyn std::error::Error>> {
/// let plan = Plan::new(model.manifest())?;
/// let gpu = Gpu::open(&Choice::Best, &Requirements::Plan(&plan))?;
/// compile_each(&gpu, &plan, |kernel, shape| println!("{kernel}: {shape}"))?;
/// # Ok(())
/// # }
/// ```
pub fn compile_each(
    gpu: &Gpu,
    plan: &Plan,
    mut compiling: impl FnMut(&str, &str),
) -> Result<(), WgpuError> {
    let maker = Maker::new(gpu);
    let mut pipelines = Pipelines::new(&maker, None);
    let mut seen = HashSet::new();
    for unit in Unit::of(plan) {
        let variants = unit.variants(1).into_iter();
        for dispatch in variants
            .filter(|variant| gpu.runs(variant))
            .flat_map(|variant| variant.dispatches)
        {
            let shape = shape(&dispatch.call);
            if seen.insert((dispatch.kernel.name, shape.clone())) {
                compiling(dispatch.kernel.name, &shape);
                pipelines.compile(dispatch.kernel, &dispatch.call);
                pollster::block_on(maker.settle())?;
            }
        }
    }
    Ok(())
}
