//! `mimlet-train processes`: what a launcher's processes can do together, before a long run
//! depends on it.

use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::print;
use crate::collective::{self, Collective};
use crate::error::TrainError;

/// Counts at which chunks, vectors and messages have their edges.
const COUNTS: [usize; 6] = [0, 1, 3, 65, 197, 4096];

/// Flags of `processes`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Values in the largest sum; its time is that of a step's gradients of so many parameters.
    #[arg(long, default_value_t = 1 << 24)]
    values: usize,
    /// Let this process fail, to see that the others end too.
    #[arg(long, value_name = "RANK")]
    fail: Option<usize>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    processes: usize,
    values: usize,
    /// Of the largest f32 sum, on process 0.
    seconds: f64,
}

/// Checks and times.
pub(crate) fn run(arguments: &Arguments) -> Result<(), TrainError> {
    collective::run(|collective| {
        if arguments.fail == Some(collective.rank()) {
            return Err(TrainError::Collective("failed as --fail asked".into()));
        }
        for count in COUNTS.into_iter().chain([arguments.values]) {
            sums(collective, count)?;
            broadcasts(collective, count)?;
        }
        let mut values = vec![1.0f32; arguments.values];
        collective.barrier()?;
        let start = Instant::now();
        collective.sum_f32(&mut values)?;
        let report = Report {
            processes: collective.world(),
            values: arguments.values,
            seconds: start.elapsed().as_secs_f64(),
        };
        if collective.rank() > 0 {
            return Ok(());
        }
        print(&report, arguments.json, || {
            format!(
                "{} process(es) agree; {} f32 values are summed in {:.4} s",
                report.processes, report.values, report.seconds
            )
        })
    })
}

/// Sums whose result is exact in every type, and therefore known.
fn sums(collective: &dyn Collective, count: usize) -> Result<(), TrainError> {
    let (rank, world) = (collective.rank(), collective.world());
    // Position i of process r holds i mod 1000 + 3 r.
    let mine = |i: usize| i % 1000 + 3 * rank;
    let total = |i: usize| world * (i % 1000) + 3 * world * (world - 1) / 2;
    let mut f32s: Vec<f32> = (0..count).map(|i| mine(i) as f32).collect();
    collective.sum_f32(&mut f32s)?;
    expect(collective, "sum_f32", &f32s, |i| total(i) as f32)?;

    // More digits than an f32 holds.
    let small = 2f64.powi(-30);
    let mut f64s: Vec<f64> = (0..count).map(|i| mine(i) as f64 + small).collect();
    collective.sum_f64(&mut f64s)?;
    expect(collective, "sum_f64", &f64s, |i| {
        total(i) as f64 + world as f64 * small
    })?;

    // More digits than an f64 holds.
    let large = 1 << 54;
    let mut u64s: Vec<u64> = (0..count).map(|i| mine(i) as u64 + large).collect();
    collective.sum_u64(&mut u64s)?;
    expect(collective, "sum_u64", &u64s, |i| {
        total(i) as u64 + world as u64 * large
    })
}

/// The values of each process in turn.
fn broadcasts(collective: &dyn Collective, count: usize) -> Result<(), TrainError> {
    for root in 0..collective.world() {
        let value = |i: usize, rank: usize| (i % 1000 + 3 * rank) as f32;
        let mine = |i| value(i, collective.rank());
        let mut values: Vec<f32> = (0..count).map(mine).collect();
        collective.broadcast_f32(root, &mut values)?;
        expect(collective, "broadcast_f32", &values, |i| value(i, root))?;
    }
    Ok(())
}

fn expect<T: PartialEq + std::fmt::Display>(
    collective: &dyn Collective,
    what: &str,
    values: &[T],
    expected: impl Fn(usize) -> T,
) -> Result<(), TrainError> {
    let wrong = (0..values.len()).find(|&i| values[i] != expected(i));
    let Some(at) = wrong else {
        return Ok(());
    };
    Err(TrainError::Collective(format!(
        "{what} of {} values on process {}: value {at} is {}, not {}; the MPI library or network \
         is broken",
        values.len(),
        collective.rank(),
        values[at],
        expected(at)
    )))
}
