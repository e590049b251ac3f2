//! What each step of a plan costs on the CPU.

use super::CpuBackend;
use super::block::Image;
use super::program::{Op, Packs, Segment};
use crate::backend::WorkCost;
use crate::plan::Step;
use alloc::string::String;
use alloc::{format, vec, vec::Vec};
use mimlet_kernels::attention;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

impl CpuBackend<'_> {
    /// Runs every step on `image`, and says how long the slowest of the threads was at each: they wait
    /// for each other only at the end of a segment.
    pub(super) fn costs(&mut self, image: &[f32]) -> Vec<WorkCost> {
        let pieces = |segment: &Segment<'_>| {
            let packing = segment.packs.map(packing);
            let ops = segment.ops.iter().map(cost);
            ops.chain(packing).collect::<Vec<WorkCost>>()
        };
        let costs: Vec<Vec<WorkCost>> = self.segments.iter().map(pieces).collect();
        let unspent = |pieces: &Vec<WorkCost>| Mutex::new(vec![Duration::ZERO; pieces.len()]);
        let longest: Vec<_> = costs.iter().map(unspent).collect();
        self.each_segment(Image::Floats(image), |worker, index, segment, shared| {
            let mut spent = vec![Duration::ZERO; costs[index].len()];
            let mut since = Instant::now();
            worker.run(segment, shared, &mut |index| {
                spent[index] += since.elapsed();
                since = Instant::now();
            });
            let mut longest = longest[index]
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            for (longest, spent) in longest.iter_mut().zip(spent) {
                *longest = spent.max(*longest);
            }
        });
        let longest = longest
            .into_iter()
            .flat_map(|segment| segment.into_inner().unwrap_or_else(PoisonError::into_inner));
        let mut costs: Vec<WorkCost> = costs.into_iter().flatten().collect();
        for (piece, longest) in costs.iter_mut().zip(longest) {
            piece.ms = Some(longest.as_secs_f64() * 1e3);
        }
        costs
    }
}

/// An op that has not been timed.
fn cost(op: &Op<'_>) -> WorkCost {
    WorkCost {
        name: op.step.kernel().name,
        shape: shape(&op.step),
        bytes: op.weights.bytes(),
        ms: None,
    }
}

/// Laying out keys and values for the next attention.
fn packing(packs: Packs) -> WorkCost {
    WorkCost {
        name: "pack keys and values",
        shape: attention(&packs.params),
        bytes: 0,
        ms: None,
    }
}

/// A step's sizes: `rows 197, inputs 192, outputs 576`.
fn shape(step: &Step) -> String {
    match step {
        Step::Patchify { params, .. } => {
            let (height, width, patch) = (params.height, params.width, params.patch);
            format!("height {height}, width {width}, patch {patch}")
        }
        Step::PatchEmbed { params, .. } => {
            let (rows, inputs) = (params.patches, params.patch_dim);
            layer(rows, inputs, params.embed_dim)
        }
        Step::LayerNorm { params, rows, .. } => format!("rows {rows}, dim {}", params.dim),
        Step::QuantizeRows { params, rows, .. } => format!("rows {rows}, dim {}", params.dim),
        Step::Linear { params, rows, .. } => layer(*rows as usize, params.inputs, params.outputs),
        Step::LinearQ8 { params, rows, .. } => layer(*rows as usize, params.inputs, params.outputs),
        Step::LinearQ4 { params, rows, .. } => layer(*rows as usize, params.inputs, params.outputs),
        Step::Attention { params, .. } => attention(params),
        Step::Gelu { len, .. } | Step::Residual { len, .. } => format!("len {len}"),
        Step::NearestCentroid { params, rows, .. } => {
            let (dim, centroids) = (params.dim, params.centroids);
            format!("rows {rows}, dim {dim}, centroids {centroids}")
        }
    }
}

fn layer(rows: usize, inputs: usize, outputs: usize) -> String {
    format!("rows {rows}, inputs {inputs}, outputs {outputs}")
}

fn attention(params: &attention::Params) -> String {
    let (tokens, heads, dim) = (params.tokens, params.heads, params.head_dim);
    format!("tokens {tokens}, heads {heads}, head_dim {dim}")
}
