//! What a watch knows: the last frame, the last window, and totals.

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use mimlet_display::{Alignment, Dashboard, Drift, Figure};
use mimlet_format::Model;
use mimlet_runtime::Encoding;
use mimlet_runtime::drift::{DriftMonitor, DriftReport};
use mimlet_tcas::TokenClassCounts;

use super::figures;
use super::source::Frame;
use super::summary::{Summary, Times};
use crate::backend::Session;
use crate::error::Error;
use crate::latency::Latencies;
use crate::output::Output;

/// Frames whose latencies are kept: a watch may last for months.
const RECENT: usize = 10_000;

/// A model on frames as they come.
#[derive(Debug)]
pub(super) struct Watcher<'a, 'm> {
    model: &'a Model<'m>,
    session: Session<'m>,
    classes: Vec<String>,
    /// Frames to each one that drift is measured on.
    every: NonZeroU64,
    monitor: Option<DriftMonitor>,
    /// Of the last full window; none before.
    figures: Vec<Figure<'static>>,
    counts: Option<TokenClassCounts>,
    token_counts: Vec<u64>,
    encoding: Encoding,
    recent: VecDeque<f64>,
    frames: u64,
    skipped: u64,
    windows: u64,
    alarmed: u64,
    times: Times,
    /// When the frame's encoding was there.
    encoded: Instant,
    /// Drawing since then.
    drawing: Duration,
}

impl<'a, 'm> Watcher<'a, 'm> {
    /// Before the first frame.
    ///
    /// # Errors
    /// When tokens times classes are more than can be counted.
    pub(super) fn new(
        model: &'a Model<'m>,
        session: Session<'m>,
        classes: &[String],
        every: NonZeroU64,
    ) -> Result<Self, Error> {
        let manifest = model.manifest();
        let tokens = manifest
            .codebook
            .as_ref()
            .map_or(0, |codebook| codebook.size as usize);
        let labelled = tokens > 0 && !classes.is_empty();
        let counts = labelled.then(|| TokenClassCounts::new(tokens, classes.len()));
        Ok(Self {
            model,
            session,
            classes: classes.to_vec(),
            every,
            monitor: manifest.drift.as_ref().map(DriftMonitor::new),
            figures: Vec::new(),
            counts: counts.transpose()?,
            token_counts: vec![0; tokens],
            encoding: Encoding::default(),
            recent: VecDeque::new(),
            frames: 0,
            skipped: 0,
            windows: 0,
            alarmed: 0,
            times: Times::default(),
            encoded: Instant::now(),
            drawing: Duration::ZERO,
        })
    }

    /// Encodes a frame and takes it in; a report when it fills a window.
    ///
    /// # Errors
    /// When no backend is left.
    pub(super) fn encode(
        &mut self,
        frame: &Frame,
        output: Output,
    ) -> Result<Option<DriftReport>, Error> {
        let start = Instant::now();
        self.encoding = self.session.encode(&frame.input, output)?;
        self.encoded = Instant::now();
        self.drawing = Duration::ZERO;
        let took = self.encoded - start;
        self.times.prepare += frame.prepared_in;
        self.times.encode += took;
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(took.as_secs_f64() * 1e3);
        self.frames += 1;
        for &token in &self.encoding.tokens {
            self.token_counts[token as usize] += 1;
        }
        if let (Some(counts), Some(class)) = (&mut self.counts, frame.class) {
            counts.add_tokens(&self.encoding.tokens, class)?;
        }
        Ok(self.measure_drift())
    }

    fn measure_drift(&mut self) -> Option<DriftReport> {
        if !(self.frames - 1).is_multiple_of(self.every.get()) {
            return None;
        }
        let report = self.monitor.as_mut()?.push(&self.encoding)?;
        let reference = self.model.manifest().drift.as_ref()?;
        self.figures = figures::bounded(&report.figures, reference).to_vec();
        self.windows += 1;
        self.alarmed += u64::from(!report.alarms.is_empty());
        Some(report)
    }

    /// Counts an image that could not be read.
    pub(super) fn skip(&mut self) {
        self.skipped += 1;
    }

    /// Everything about the frame is done.
    pub(super) fn end_frame(&mut self) {
        self.times.draw += self.drawing;
        self.times.watch += self.encoded.elapsed().saturating_sub(self.drawing);
    }

    /// Draws something, whose time is told apart.
    pub(super) fn drawing<T>(&mut self, draw: impl FnOnce(&Self) -> T) -> T {
        let start = Instant::now();
        let drawn = draw(self);
        self.drawing += start.elapsed();
        drawn
    }

    /// Hands over what a display shows.
    pub(super) fn show<T>(&self, draw: impl FnOnce(&Dashboard<'_>) -> T) -> T {
        let manifest = self.model.manifest();
        let drift = match &self.monitor {
            None => Drift::NotMeasured,
            Some(monitor) if self.figures.is_empty() => Drift::Collecting(monitor.filled()),
            Some(monitor) => Drift::Measured {
                figures: &self.figures,
                filled: monitor.filled(),
            },
        };
        draw(&Dashboard {
            title: &manifest.provenance.name,
            grid: manifest.encoder.grid(),
            tokens: &self.encoding.tokens,
            frames: self.frames,
            skipped: self.skipped,
            latency_ms: self.latency_ms(),
            drift,
            tcas: self.tcas().map(|tcas| Alignment { tcas, max: None }),
        })
    }

    fn tcas(&self) -> Option<f64> {
        self.counts.as_ref()?.tcas()
    }

    /// What is to be said at the end about the file of that name.
    pub(super) fn summary(&self, file: String) -> Summary {
        let mut latencies = Latencies::default();
        for &ms in &self.recent {
            latencies.push(ms);
        }
        Summary {
            event: "summary",
            file,
            backend: self.session.choice.clone(),
            frames: self.frames,
            skipped: self.skipped,
            drift_measured: self.monitor.is_some(),
            windows: self.windows,
            alarms: self.alarmed,
            latency: latencies.percentiles(),
            perplexity: perplexity(&self.token_counts),
            tcas: self.tcas(),
            overhead: self.times.overhead(),
            drawing: self.times.drawing(),
            prepare_ms: self.times.prepare_ms(self.frames),
        }
    }

    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    pub(super) fn windows(&self) -> u64 {
        self.windows
    }

    /// Windows that drifted.
    pub(super) fn alarmed(&self) -> u64 {
        self.alarmed
    }

    pub(super) fn class(&self, class: u32) -> Option<&str> {
        self.classes.get(class as usize).map(String::as_str)
    }

    pub(super) fn tokens(&self) -> &[u32] {
        &self.encoding.tokens
    }

    pub(super) fn figures(&self) -> &[Figure<'static>] {
        &self.figures
    }

    /// Of the last frame.
    pub(super) fn latency_ms(&self) -> f64 {
        self.recent.back().copied().unwrap_or_default()
    }
}

/// Two to the entropy of counts, in bits; `None` without any.
fn perplexity(counts: &[u64]) -> Option<f64> {
    let sum = counts.iter().sum::<u64>();
    let surprise = |&count: &u64| {
        let share = count as f64 / sum as f64;
        if count == 0 {
            0.0
        } else {
            -share * share.log2()
        }
    };
    (sum > 0).then(|| counts.iter().map(surprise).sum::<f64>().exp2())
}

#[cfg(test)]
mod tests {
    use super::perplexity;

    #[test]
    fn perplexity_is_how_many_tokens_are_in_use() {
        assert_eq!(perplexity(&[5, 5, 0, 5, 5]), Some(4.0));
        assert_eq!(perplexity(&[0, 9]), Some(1.0));
        assert_eq!(perplexity(&[0, 0]), None);
        assert_eq!(perplexity(&[]), None);
    }
}
