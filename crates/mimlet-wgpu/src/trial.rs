//! One op's variants against each other: who gives the CPU's results, and who is fastest.

use crate::buffers::{self, Uploader};
use crate::error::WgpuError;
use crate::gpu::{Fault, Gpu};
use crate::maker::{Made, Maker};
use crate::operands::Held;
use crate::program::{self, Builder, Work};
use crate::signal::signal;
use mimlet_kernels::Variant;
use std::time::Duration;
use web_time::Instant;
use wgpu::{Buffer, MapMode};

/// Timed runs of a variant; the fastest counts.
const RUNS: u32 = 3;

/// How many times as long as the fastest makes a variant hopeless.
const FAR_BEHIND: u32 = 2;

/// What a variant may take, in hundredths of the fastest's time, and still be chosen over those after
/// it: a trial is short, and the next differs by as much.
const AS_FAST: u32 = 110;

/// An op's operands before it runs, and what it must make of them.
#[derive(Debug)]
pub(crate) struct Trial<'m> {
    pub(crate) operands: Vec<Held<'m>>,
    /// What each buffer holds before.
    pub(crate) before: Vec<(Buffer, Vec<u32>)>,
    pub(crate) expected: Vec<Expected>,
}

/// What a buffer must hold afterwards.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) buffer: Buffer,
    pub(crate) words: Vec<u32>,
    pub(crate) kind: Kind,
    /// How much farther each word may be where a variant rounds its rows; empty where none does.
    pub(crate) slack: Vec<f32>,
}

impl Expected {
    /// Whether a variant gave the right words.
    fn is_met_by(&self, variant: &Variant, words: &[u32]) -> bool {
        let slack = match variant.halves_rows() {
            true => &self.slack[..],
            false => &[],
        };
        self.kind.is_met_by(&self.words, words, slack)
    }
}

/// How words are compared.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Floats, near the expected by a share of the largest.
    Floats,
    /// Tokens: all but near-ties, which [`Kind::Floats`] finds in their distances.
    Tokens,
}

/// The share of the largest value by which two orders of summation may differ.
const NEAR: f32 = 1e-4;

/// The share of tokens that may be ties.
const TIES: usize = 50;

impl Kind {
    /// Whether words are right, floats of them `slack` farther off than else, where it goes on so long.
    fn is_met_by(self, expected: &[u32], words: &[u32], slack: &[f32]) -> bool {
        let pairs = || expected.iter().zip(words);
        match self {
            Self::Floats => {
                let largest = expected.iter().map(|w| f32::from_bits(*w).abs());
                let near = NEAR * largest.fold(0.0, f32::max);
                let slack = slack.iter().chain(std::iter::repeat(&0.0));
                // NaN is near nothing.
                pairs().zip(slack).all(|((e, a), slack)| {
                    (f32::from_bits(*e) - f32::from_bits(*a)).abs() <= near + slack
                })
            }
            Self::Tokens => pairs().filter(|(e, a)| e != a).count() * TIES <= words.len(),
        }
    }
}

/// What a trial of several variants found, by their names.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The first of the fastest that gave the expected results; `None` when there was none, or the time
    /// was over before the first was known.
    pub(crate) fastest: Option<String>,
    /// Those that took more than [`FAR_BEHIND`] times as long, gave other results or were refused.
    pub(crate) beaten: Vec<String>,
}

impl Trial<'_> {
    /// Tries variants one after the other until `limit`.
    ///
    /// # Errors
    /// When the GPU is lost. A variant that the driver refuses is none of the fastest.
    pub(crate) async fn outcome(
        &self,
        gpu: &Gpu,
        variants: &[&Variant],
        limit: Instant,
    ) -> Result<Outcome, WgpuError> {
        let mut outcome = Outcome::default();
        let mut times = Vec::new();
        let mut best = Duration::MAX;
        for variant in variants {
            if Instant::now() >= limit {
                break;
            }
            match self.time(gpu, variant, best).await {
                Ok(Some(time)) => {
                    times.push((variant.name(), time));
                    best = best.min(time);
                }
                Ok(None) => outcome.beaten.push(variant.name()),
                Err(lost @ WgpuError::DeviceLost { .. }) => return Err(lost),
                Err(_refused) => outcome.beaten.push(variant.name()),
            }
        }
        outcome.fastest = first_of_fastest(&times, best);
        times.retain(|(_, time)| *time / FAR_BEHIND > best);
        outcome
            .beaten
            .extend(times.into_iter().map(|(name, _)| name));
        Ok(outcome)
    }

    /// How long a variant takes; `None` when its results are wrong. Stops early when it takes more
    /// than `bound`.
    pub(crate) async fn time(
        &self,
        gpu: &Gpu,
        variant: &Variant,
        bound: Duration,
    ) -> Result<Option<Duration>, WgpuError> {
        let maker = Maker::new(gpu);
        let mut builder = Builder::new(&maker, None);
        builder.push(variant, &self.operands)?;
        let (work, _) = builder.finish().await?;
        let failed = |fault| gpu.error(&format!("trying {}", variant.name()), fault);
        self.prepare(&maker).await?;
        self.run(&maker, &work).await.map_err(failed)?;
        for expected in &self.expected {
            let words = read(&maker, &expected.buffer, expected.words.len()).await?;
            if !expected.is_met_by(variant, &words) {
                return Ok(None);
            }
        }
        let mut best = Duration::MAX;
        for _ in 0..RUNS {
            let start = Instant::now();
            self.run(&maker, &work).await.map_err(failed)?;
            best = best.min(start.elapsed());
            if best / FAR_BEHIND > bound {
                break;
            }
        }
        Ok(Some(best))
    }

    async fn prepare(&self, maker: &Maker) -> Result<(), WgpuError> {
        let mut uploader = Uploader::new(maker);
        for (buffer, words) in &self.before {
            uploader.write(buffer, 0, bytemuck::cast_slice(words))?;
        }
        maker.settle().await?;
        uploader.flush()
    }

    async fn run(&self, maker: &Maker, work: &[Work]) -> Result<(), Fault> {
        let gpu = maker.gpu();
        let (notify, done) = signal();
        let submission = maker.make(Made::Object("a trial".into()), |device| {
            let mut encoder = device.create_command_encoder(&Default::default());
            program::record(work, &mut encoder);
            encoder.on_submitted_work_done(move || notify(()));
            gpu.queue.submit([encoder.finish()])
        });
        maker.fault().await.map_err(|(_, fault)| fault)?;
        gpu.wait(submission)?;
        done.given().await;
        Ok(())
    }
}

/// The first that is as fast as the fastest, as far as a trial can tell.
fn first_of_fastest(times: &[(String, Duration)], best: Duration) -> Option<String> {
    let mut times = times.iter();
    let first = times.find(|(_, time)| *time <= best * AS_FAST / 100);
    first.map(|(name, _)| name.clone())
}

/// The first words of a buffer.
async fn read(maker: &Maker, buffer: &Buffer, words: usize) -> Result<Vec<u32>, WgpuError> {
    let bytes = words as u64 * 4;
    let gpu = maker.gpu();
    let readback = buffers::readback(maker, bytes);
    let (notify, mapped) = signal();
    let submission = maker.make(Made::Object("reading a trial's results".into()), |device| {
        let mut encoder = device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(buffer, 0, &readback, 0, bytes);
        encoder.map_buffer_on_submit(&readback, MapMode::Read, .., notify);
        gpu.queue.submit([encoder.finish()])
    });
    maker.settle().await?;
    let failed = |fault| gpu.error("reading a trial's results", fault);
    gpu.mapped(submission, [mapped]).await.map_err(failed)?;
    let view = readback.get_mapped_range(..);
    let view = view.map_err(|error| failed(Fault::refused(&error)))?;
    Ok(bytemuck::pod_collect_to_vec(&view))
}

#[cfg(test)]
mod tests {
    use super::{Expected, Kind, Trial, first_of_fastest};
    use crate::maker::Maker;
    use crate::operands::Held;
    use crate::{Choice, Gpu, Requirements, buffers};
    use mimlet_kernels::{Variant, WgslKernel, residual};
    use mimlet_runtime::DeviceLimits;
    use std::time::Duration;
    use web_time::Instant;

    /// A kernel that leaves out the last value.
    static WRONG: WgslKernel = planted(
        "wrong",
        "override LEN: u32;
        @group(0) @binding(0) var<storage, read> branch: array<f32>;
        @group(0) @binding(1) var<storage, read_write> x: array<f32>;
        @compute @workgroup_size(64)
        fn main(@builtin(global_invocation_id) id: vec3<u32>) {
            if id.x + 1u < LEN { x[id.x] += branch[id.x]; }
        }",
    );

    static BROKEN: WgslKernel = planted("broken", "fn main() { return 1; }");

    const fn planted(name: &'static str, source: &'static str) -> WgslKernel {
        WgslKernel {
            name,
            source,
            workgroup_size: [64, 1, 1],
            workgroup_bytes: 0,
            bindings: residual::KERNEL.bindings,
        }
    }

    #[test]
    fn a_variant_that_is_wrong_or_refused_is_never_chosen() {
        if std::env::var_os("MIMLET_GPU").is_some_and(|value| value == "skip") {
            return;
        }
        let within = Requirements::Within(DeviceLimits::DOWNLEVEL);
        let gpu = Gpu::open(&Choice::Best, &within).unwrap();
        const LEN: usize = 100;
        let words = |value: f32| vec![value.to_bits(); LEN];
        let maker = Maker::new(&gpu);
        let [branch, x] =
            ["branch", "x"].map(|label| buffers::storage(&maker, label, LEN as u64 * 4));
        let trial = Trial {
            operands: vec![Held::Buffer(branch.clone()), Held::Buffer(x.clone())],
            before: vec![(branch, words(1.5)), (x.clone(), words(2.0))],
            expected: vec![Expected {
                buffer: x,
                words: words(3.5),
                kind: Kind::Floats,
                slack: Vec::new(),
            }],
        };
        let of = |kernel| Variant::single(kernel, residual::call(LEN));
        let [right, wrong, broken] = [&residual::KERNEL, &WRONG, &BROKEN].map(of);
        let limit = Instant::now() + Duration::from_secs(600);
        let by = |variants: &[&Variant], limit| {
            pollster::block_on(trial.outcome(&gpu, variants, limit)).unwrap()
        };
        let of = |variants: &[&Variant]| by(variants, limit);
        assert_eq!(of(&[&right]).fastest.as_deref(), Some("residual"));
        let outcome = of(&[&wrong, &broken, &right]);
        assert_eq!(outcome.fastest.as_deref(), Some("residual"));
        assert_eq!(outcome.beaten, ["wrong", "broken"]);
        assert_eq!(of(&[&wrong, &broken]).fastest, None);
        // Nothing is tried when there is no time.
        assert_eq!(by(&[&right], Instant::now()).fastest, None);
    }

    #[test]
    fn of_those_as_fast_the_vendors_first_is_chosen() {
        let of = |times: [u64; 3]| {
            let times = ["first", "second", "third"].into_iter().zip(times);
            let times: Vec<_> = times
                .map(|(n, t)| (n.into(), Duration::from_micros(t)))
                .collect();
            first_of_fastest(&times, times.iter().map(|(_, time)| *time).min().unwrap())
        };
        assert_eq!(of([109, 105, 100]), Some("first".into()));
        assert_eq!(of([111, 110, 100]), Some("second".into()));
        assert_eq!(of([200, 120, 100]), Some("third".into()));
    }

    #[test]
    fn floats_are_held_to_a_share_of_the_largest_and_never_to_nan() {
        let words = |values: [f32; 2]| values.map(f32::to_bits);
        let expected = words([100.0, 0.0]);
        let meets =
            |actual, slack: &[f32]| Kind::Floats.is_met_by(&expected, &words(actual), slack);
        assert!(meets([100.0, 0.009], &[]));
        assert!(!meets([100.0, 0.011], &[]));
        assert!(!meets([100.0, f32::NAN], &[]));
        // Each by its own slack.
        assert!(meets([100.0, 0.5], &[0.0, 0.5]));
        assert!(!meets([100.0, 0.5], &[0.5, 0.0]));
        assert!(!meets([100.0, f32::NAN], &[0.0, 0.5]));
    }

    #[test]
    fn tokens_are_rarely_other() {
        let mut tokens = [3; 100];
        tokens[7] = 4;
        assert!(Kind::Tokens.is_met_by(&[3; 100], &tokens, &[]));
        tokens[..3].fill(4);
        assert!(!Kind::Tokens.is_met_by(&[3; 100], &tokens, &[]));
    }
}
