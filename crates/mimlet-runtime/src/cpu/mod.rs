//! The CPU backend: runs the plan in segments, sharing the rows of each out among threads.

mod block;
#[cfg(feature = "std")]
mod crew;
#[cfg(all(feature = "std", target_os = "linux"))]
mod placement;
#[cfg(feature = "std")]
mod pool;
#[cfg(feature = "std")]
mod profile;
mod program;
mod shares;
mod stepper;
mod threads;
mod weights;

#[cfg(feature = "std")]
use crate::backend::WorkCost;
use crate::backend::{Backend, BackendError, Encoding};
use crate::plan::{BufferId, Plan, PlanError, Step};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use block::{Block, Image, Shared, zeros};
use core::fmt;
use mimlet_format::{AlignedBytes, Model, Preprocess};
use mimlet_kernels::{Level, attention, linear, linear_q4, linear_q8, patch_embed, patchify};
#[cfg(feature = "std")]
pub(crate) use pool::Pool;
use program::{Segment, segments};
pub use stepper::CpuStepper;
use threads::{Threads, Worker};
pub(crate) use weights::centroids_of;

/// Runs a plan on the CPU. Weights stay where the file has them; buffers and scratch are allocated
/// once.
///
/// Rows are cut into blocks that fit a core's cache. A block runs through all steps from one layer's
/// attention to the next's keys and values on its own, so threads meet once a layer.
pub struct CpuBackend<'m> {
    level: Level,
    threads: Threads,
    segments: Vec<Segment<'m>>,
    workers: Vec<Worker>,
    /// Keys and values of each block, for the attention of the running segment.
    packed: Vec<AlignedBytes>,
    block_rows: usize,
    prefix: usize,
    features: BufferId,
    tokens: Option<(BufferId, BufferId)>,
}

impl fmt::Debug for CpuBackend<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CpuBackend")
            .field("segments", &self.segments.len())
            .field("describe", &self.describe())
            .finish_non_exhaustive()
    }
}

impl<'m> CpuBackend<'m> {
    /// A backend for a model and its plan, on `threads` threads (at least 1; without `std` always
    /// 1).
    ///
    /// # Errors
    /// [`PlanError`] when the plan is another model's.
    pub fn new(
        model: &Model<'m>,
        plan: &Plan,
        level: Level,
        threads: usize,
    ) -> Result<Self, PlanError> {
        let threads = Threads::new(threads);
        let segments = segments(model, plan, level)?;
        let tokens = plan.config().tokens() as usize;
        let block_rows = shares::block_rows(tokens, threads.count());
        let block = |first: usize| {
            let rows = first..tokens.min(first + block_rows);
            let packed = packed_words(plan.steps(), rows.len());
            Block::new(plan, rows, packed)
        };
        let scratch = scratch_words(level, plan.steps(), block_rows);
        let worker = |worker| {
            let rows = shares::worker_rows(tokens, block_rows, threads.count(), worker);
            Worker {
                blocks: rows.step_by(block_rows).map(block).collect(),
                scratch: zeros(scratch),
            }
        };
        let workers: Vec<Worker> = (0..threads.count()).map(worker).collect();
        let blocks = workers.iter().flat_map(|worker| &worker.blocks);
        let shared = blocks.filter(|_| tokens > block_rows);
        Ok(Self {
            level,
            packed: shared.map(|block| zeros(block.packed.len() / 4)).collect(),
            threads,
            segments,
            workers,
            block_rows,
            prefix: plan.config().prefix_tokens() as usize,
            features: plan.features(),
            tokens: plan.tokens(),
        })
    }

    /// Has `run` run each segment on every worker; it is given the segment's number, too.
    fn each_segment(
        &mut self,
        image: Image<'_>,
        run: impl Fn(&mut Worker, usize, &Segment<'_>, Shared<'_>) + Sync,
    ) {
        let (level, block_rows) = (self.level, self.block_rows);
        let (segments, workers) = (&self.segments, &mut self.workers);
        let run = |worker: &mut Worker, index: usize, packed: &[AlignedBytes]| {
            let shared = Shared {
                level,
                image,
                packed,
                block_rows,
            };
            run(worker, index, &segments[index], shared);
        };
        self.threads
            .each_segment(segments.len(), workers, &mut self.packed, run);
    }

    fn run_on(&mut self, image: Image<'_>, encoding: &mut Encoding) {
        self.each_segment(image, |worker, _, segment, shared| {
            worker.run(segment, shared, &mut |_| {});
        });
        for block in self.workers.iter().flat_map(|worker| &worker.blocks) {
            encoding.fill_rows(block.tokens.start, self.prefix, block.floats(self.features));
            if let Some((tokens, distances)) = self.tokens {
                let first = block.patches.start;
                encoding.fill_tokens(first, block.words(tokens), block.floats(distances));
            }
        }
    }
}

/// Bytes of RAM that a backend of a plan takes on `threads` threads: buffers, keys and values of two
/// layers (of one where all rows are one block), and scratch; weights stay in the file.
#[must_use]
pub fn working_bytes(plan: &Plan, threads: usize) -> u64 {
    let tokens = plan.config().tokens() as usize;
    let block_rows = shares::block_rows(tokens, threads);
    let rows = |first: usize| block_rows.min(tokens - first);
    let blocks = (0..tokens).step_by(block_rows).map(rows);
    let packed: usize = blocks.map(|rows| packed_words(plan.steps(), rows)).sum();
    // Other levels take less.
    let scratch = scratch_words(Level::BASELINE, plan.steps(), block_rows);
    let layers = if tokens > block_rows { 2 } else { 1 };
    plan.activation_bytes() + 4 * (layers * packed + threads * scratch) as u64
}

/// Words of the largest of some steps' packed keys and values, of a block of `rows` rows.
fn packed_words<'s>(steps: impl IntoIterator<Item = &'s Step>, rows: usize) -> usize {
    let words = steps.into_iter().map(|step| match step {
        Step::Attention { params, .. } => attention::packed_len(params, rows),
        _ => 0,
    });
    words.max().unwrap_or(0)
}

/// Words of scratch that some steps need for a block of `rows` rows.
fn scratch_words<'s>(
    level: Level,
    steps: impl IntoIterator<Item = &'s Step>,
    rows: usize,
) -> usize {
    let steps = steps.into_iter();
    let words = steps.map(|step| scratch_len(level, step, rows));
    words.max().unwrap_or(0)
}

/// Words of scratch a step needs for a block of `rows` rows.
fn scratch_len(level: Level, step: &Step, rows: usize) -> usize {
    match step {
        Step::PatchEmbed { params, .. } => patch_embed::scratch_len(params),
        Step::Linear { params, .. } => linear::scratch_len(params),
        Step::LinearQ8 { params, .. } => linear_q8::scratch_len(level, params, rows),
        Step::LinearQ4 { params, .. } => linear_q4::scratch_len(params, rows),
        Step::Attention { params, .. } => attention::scratch_len(params),
        _ => 0,
    }
}

impl Backend for CpuBackend<'_> {
    fn describe(&self) -> String {
        let threads = self.threads.count();
        let plural = if threads == 1 { "" } else { "s" };
        format!("cpu {}, {threads} thread{plural}", self.level.name())
    }

    fn run(&mut self, image: &[f32], encoding: &mut Encoding) -> Result<(), BackendError> {
        self.run_on(Image::Floats(image), encoding);
        Ok(())
    }

    fn run_pixels(
        &mut self,
        pixels: &[u8],
        preprocess: &Preprocess,
        _input: &mut [f32],
        encoding: &mut Encoding,
    ) -> Result<(), BackendError> {
        let values = patchify::Values::new(preprocess.mean, preprocess.std);
        self.run_on(Image::Pixels(pixels, &values), encoding);
        Ok(())
    }

    #[cfg(feature = "std")]
    fn profile(&mut self, image: &[f32]) -> Result<Vec<WorkCost>, BackendError> {
        Ok(self.costs(image))
    }
}
