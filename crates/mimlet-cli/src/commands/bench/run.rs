//! Loading, verifying and timing.

use std::time::{Duration, Instant};

use mimlet_runtime::acceptance::golden_images;
use mimlet_runtime::{Encoder, Plan};

use super::BenchArgs;
use super::profile::Profile;
use super::report::{Batch, Memory, Report, Sustained, Timings};
use super::turns::Turns;
use crate::backend::Choice;
use crate::error::Error;
use crate::latency::Latencies;
use crate::memory::peak_bytes;
use crate::progress::Progress;
use crate::units::hex;
use crate::verdict::VerdictReport;

/// From this long on, the first minute is held against the last.
const MINUTES_FROM: Duration = Duration::from_secs(120);

/// Loads, verifies and times a file.
pub(super) fn bench(args: &BenchArgs) -> Result<Report, Error> {
    // Chosen on a file of its own, so that loading is timed from the start.
    let (rung, reason) = args.backend.place(&args.signature.open(&args.file)?)?;
    let start = Instant::now();
    let file = args.signature.open(&args.file)?;
    let model = file.model();
    let mut encoder = rung.encoder(&model).map_err(Error::new)?;
    let load_ms = milliseconds(start);

    let images = golden_images(&model);
    let start = Instant::now();
    if let Some(image) = images.first() {
        encoder.encode_pixels(image)?;
    }
    let first_ms = milliseconds(start);
    let progress = Progress::unknown("running the acceptance test");
    let mut turns = Turns::new(&model, args.batch.get() as usize);
    let verdict = turns.verify(&model, &mut encoder)?;
    drop(progress);
    let mut failures = verdict.failures.clone();
    let mut timings = None;
    let mut profile = None;
    if verdict.passed() {
        match steady(args, &mut encoder, &mut turns)? {
            Ok(latencies) => {
                timings = timings_of(args, load_ms, first_ms, &latencies);
                if args.profile {
                    profile = Some(Profile::measure(&mut encoder)?);
                }
            }
            Err(failure) => failures.push(failure),
        }
    }
    let plan = Plan::new(model.manifest())?;
    Ok(Report {
        file: args.file.display().to_string(),
        hash: hex(&model.hash()),
        backend: Choice {
            name: encoder.describe(),
            reason,
        },
        passed: failures.is_empty(),
        failures,
        verdict: VerdictReport::new(&verdict, &model.manifest().acceptance),
        timings,
        memory: Memory::new(&plan, peak_bytes()),
        profile,
    })
}

/// Latencies over the golden images in turn; or how a run's output differed from the verified one.
fn steady(
    args: &BenchArgs,
    encoder: &mut Encoder<'_>,
    turns: &mut Turns<'_>,
) -> Result<Result<Latencies, String>, Error> {
    let steps = args.seconds.unwrap_or(args.runs).get();
    let progress = Progress::new(steps as usize, "timing");
    let begin = Instant::now();
    let mut latencies = Latencies::default();
    loop {
        let done = match args.seconds {
            Some(_) => begin.elapsed().as_secs(),
            None => latencies.runs() as u64,
        };
        progress.at(done);
        if done >= steps.into() {
            return Ok(Ok(latencies));
        }
        match turns.time(encoder, latencies.runs())? {
            Some(ms) => latencies.push(ms),
            None => {
                let run = latencies.runs() + 1;
                return Ok(Err(format!(
                    "timed run {run} did not give the verified output"
                )));
            }
        }
    }
}

fn timings_of(
    args: &BenchArgs,
    load_ms: f64,
    first_ms: f64,
    latencies: &Latencies,
) -> Option<Timings> {
    let seconds = args.seconds.map(|s| Duration::from_secs(s.get().into()));
    let steady = latencies.percentiles()?;
    Some(Timings {
        load_ms,
        first_ms,
        runs: latencies.runs(),
        steady,
        batch: Batch::new(args.batch.get(), steady.p50_ms),
        sustained: seconds.and_then(|seconds| sustained(seconds, latencies)),
    })
}

/// The beginning against the end: minutes of a long test, thirds of a short one.
fn sustained(seconds: Duration, latencies: &Latencies) -> Option<Sustained> {
    let window = if seconds > MINUTES_FROM {
        Duration::from_secs(60)
    } else {
        seconds / 3
    };
    let [first, last] = latencies.ends(window.as_secs_f64() * 1e3)?;
    let (first, last) = (first.percentiles()?.p50_ms, last.percentiles()?.p50_ms);
    Some(Sustained {
        window_s: window.as_secs_f64(),
        first_p50_ms: first,
        last_p50_ms: last,
        slowdown: last / first,
    })
}

pub(super) fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}
