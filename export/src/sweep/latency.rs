//! Latencies of several files measured side by side: they take turns, so that whatever else the
//! machine does meets all of them alike.

use crate::ExportError;
use mimlet_format::{GoldenTensor, Model, ModelFile, TensorRole};
use mimlet_runtime::{Encoder, Encoding, acceptance};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Rounds, in each of which every file encodes one image.
const ROUNDS: usize = 40;
/// Rounds that are run however long they take.
const FEWEST_ROUNDS: usize = 7;
/// After this long no further round is begun.
const PATIENCE: Duration = Duration::from_secs(20);
/// Golden images that are timed; their verified encodings are held in memory.
const TIMED_IMAGES: usize = 4;

/// Latency of one image, milliseconds; percentiles are nearest ranks, each the time of a real run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Threads of the CPU backend.
    pub threads: usize,
    /// Timed runs.
    pub runs: usize,
    /// The fastest.
    pub min_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// Nine of ten runs took no longer.
    pub p90_ms: f64,
}

impl Latency {
    fn of(threads: usize, mut times: Vec<f64>) -> Option<Self> {
        times.sort_by(f64::total_cmp);
        let at = |percent: usize| times[(times.len() * percent).div_ceil(100).max(1) - 1];
        (!times.is_empty()).then(|| Self {
            threads,
            runs: times.len(),
            min_ms: times[0],
            p50_ms: at(50),
            p90_ms: at(90),
        })
    }
}

/// Times files on each number of threads: for each file its latencies in the order of `threads`, or
/// how it failed to give the outputs that it was verified with.
///
/// # Errors
/// [`ExportError::Encode`] when an encoder refuses an image.
pub(super) fn race(
    files: &[ModelFile],
    threads: &[usize],
    progress: &dyn Fn(f32),
) -> Result<Vec<Result<Vec<Latency>, String>>, ExportError> {
    let models: Vec<Model<'_>> = files.iter().map(ModelFile::model).collect();
    let most = threads.iter().copied().max().unwrap_or(1);
    let mut entries = models
        .iter()
        .map(|model| Entry::verified(model, most))
        .collect::<Result<Vec<_>, _>>()?;
    for (index, &count) in threads.iter().enumerate() {
        let tell = |share: f32| progress((index as f32 + share) / threads.len() as f32);
        time(&mut entries, count, &tell)?;
    }
    Ok(entries.into_iter().map(|entry| entry.outcome).collect())
}

/// A file in the race.
struct Entry<'m> {
    model: &'m Model<'m>,
    images: Vec<&'m [u8]>,
    /// What it makes of them when it passes its acceptance test.
    verified: Vec<Encoding>,
    outcome: Result<Vec<Latency>, String>,
}

impl<'m> Entry<'m> {
    /// Has a file pass its acceptance test again, as it was read from the disk.
    fn verified(model: &'m Model<'m>, threads: usize) -> Result<Self, ExportError> {
        let mut encoder = Encoder::on_cpu(model, threads)?;
        let mut verified = Vec::new();
        let verdict = acceptance::run_seen(model, &mut encoder, |found| {
            if verified.len() < TIMED_IMAGES {
                verified.push(found.clone());
            }
        })?;
        let pixels = model
            .tensor(TensorRole::Golden(GoldenTensor::Images))
            .and_then(|tensor| tensor.u8())
            .unwrap_or(&[]);
        let images = model.manifest().acceptance.images.max(1) as usize;
        Ok(Self {
            model,
            images: pixels
                .chunks_exact((pixels.len() / images).max(1))
                .collect(),
            verified,
            outcome: if verdict.passed() {
                Ok(Vec::new())
            } else {
                Err(verdict.failures.join("; "))
            },
        })
    }
}

/// One race.
fn time(
    entries: &mut [Entry<'_>],
    threads: usize,
    progress: &dyn Fn(f32),
) -> Result<(), ExportError> {
    let mut encoders = entries
        .iter()
        .map(|entry| Ok((Encoder::on_cpu(entry.model, threads)?, Vec::new())))
        .collect::<Result<Vec<(Encoder<'_>, Vec<f64>)>, ExportError>>()?;
    let start = Instant::now();
    // The first round warms up.
    for round in 0..=ROUNDS {
        if round > FEWEST_ROUNDS && start.elapsed() > PATIENCE {
            break;
        }
        progress(round as f32 / ROUNDS as f32);
        for turn in 0..entries.len() {
            // Another goes first each time: none always follows the same.
            let index = (round + turn) % entries.len();
            let (encoder, times) = &mut encoders[index];
            if let Some(ms) = entries[index].run(encoder, round)?.filter(|_| round > 0) {
                times.push(ms);
            }
        }
    }
    for (entry, (_, times)) in entries.iter_mut().zip(encoders) {
        if let Ok(latencies) = &mut entry.outcome {
            latencies.extend(Latency::of(threads, times));
        }
    }
    Ok(())
}

impl Entry<'_> {
    /// Milliseconds of a run whose output is the verified one; a file that gives another is out.
    fn run(&mut self, encoder: &mut Encoder<'_>, round: usize) -> Result<Option<f64>, ExportError> {
        if self.outcome.is_err() || self.verified.is_empty() {
            return Ok(None);
        }
        let image = round % self.verified.len();
        let start = Instant::now();
        let encoding = encoder.encode_pixels(self.images[image])?;
        let ms = start.elapsed().as_secs_f64() * 1e3;
        if *encoding == self.verified[image] {
            return Ok(Some(ms));
        }
        self.outcome = Err("a timed run did not give the verified output".to_owned());
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::Latency;

    #[test]
    fn percentiles_are_the_times_of_real_runs() {
        let latency = Latency::of(2, (1..=10).rev().map(f64::from).collect()).unwrap();
        assert_eq!(
            (latency.min_ms, latency.p50_ms, latency.p90_ms),
            (1.0, 5.0, 9.0)
        );
        assert_eq!(Latency::of(1, Vec::new()), None);
    }
}
