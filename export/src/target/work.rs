//! How much a step computes, to hold one dispatch to a GPU's watchdog.

use mimlet_runtime::Step;

/// Operations on a value that elementwise steps are taken to cost, GELU's exponential among them.
const ELEMENTWISE: u64 = 32;

/// f32 operations of a step's dispatch, a multiplication and an addition counted as two; integer
/// ones of byte products count the same.
pub(super) fn operations(step: &Step) -> u64 {
    let product = |rows: u64, inputs: usize, outputs: usize| 2 * rows * (inputs * outputs) as u64;
    match step {
        Step::Patchify { params, .. } => {
            ELEMENTWISE * (params.patches() * params.patch_dim()) as u64
        }
        Step::PatchEmbed { params, .. } => {
            product(params.patches as u64, params.patch_dim, params.embed_dim)
        }
        Step::Linear { params, rows, .. } => product((*rows).into(), params.inputs, params.outputs),
        Step::LinearQ8 { params, rows, .. } => {
            product((*rows).into(), params.inputs, params.outputs)
        }
        Step::LinearQ4 { params, rows, .. } => {
            product((*rows).into(), params.inputs, params.outputs)
        }
        // Every query meets every key, then every value.
        Step::Attention { params, .. } => {
            2 * product(params.tokens as u64, params.tokens, params.dim())
        }
        // A difference, a square and a sum.
        Step::NearestCentroid { params, rows, .. } => {
            3 * u64::from(*rows) * (params.dim * params.centroids) as u64
        }
        Step::LayerNorm { params, rows, .. } => ELEMENTWISE * u64::from(*rows) * params.dim as u64,
        Step::QuantizeRows { params, rows, .. } => {
            ELEMENTWISE * u64::from(*rows) * params.dim as u64
        }
        Step::Gelu { len, .. } | Step::Residual { len, .. } => ELEMENTWISE * *len as u64,
    }
}
