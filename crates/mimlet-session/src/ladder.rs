//! The ladder: tries each rung with a model, and keeps the fastest that passes.

use crate::cache::{VerdictCache, VerdictKey};
use crate::cpu::CpuRung;
use crate::report::{Report, Standing, Tried};
use crate::rung::Rung;
use crate::trial;
use mimlet_format::Model;
use mimlet_runtime::Encoder;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

/// The ways to run a model on this machine, the most promising first.
#[derive(Debug)]
pub struct Ladder {
    rungs: Vec<Box<dyn Rung>>,
    cache: VerdictCache,
    anew: bool,
}

/// A model on the fastest rung that passed.
#[derive(Debug)]
pub struct Climbed<'m> {
    /// On that rung.
    pub encoder: Encoder<'m>,
    /// What each rung came to.
    pub report: Report,
}

/// No rung gives the answers that the file asks for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("no backend of this device runs this model right: {}", reasons(.0))]
pub struct NothingPasses(pub Report);

fn reasons(report: &Report) -> String {
    let each = report.rungs.iter();
    let each = each.map(|standing| format!("{}: {}", standing.name, standing.tried));
    each.collect::<Vec<_>>().join("; ")
}

impl Ladder {
    /// All that this machine offers: hardware GPUs (software ones are the CPU by a longer way), each
    /// followed by what stands in for it, then the CPU on all its threads, then its plainest
    /// instructions. Verdicts are cached for this user.
    #[must_use]
    pub fn of_machine() -> Self {
        Self::of_threads(
            available_parallelism().unwrap_or(NonZeroUsize::MIN),
            hardware_gpus(true),
        )
    }

    /// These GPUs, then the CPU on so many threads, then its plainest instructions. Verdicts are cached
    /// for this user.
    #[must_use]
    pub fn of_threads(threads: NonZeroUsize, gpus: Vec<Box<dyn Rung>>) -> Self {
        let mut rungs = gpus;
        rungs.push(Box::new(CpuRung::fastest(threads)));
        if let Some(plainest) = CpuRung::plainest(threads) {
            rungs.push(Box::new(plainest));
        }
        Self::new(rungs, VerdictCache::of_user())
    }

    /// These rungs.
    #[must_use]
    pub fn new(rungs: Vec<Box<dyn Rung>>, cache: VerdictCache) -> Self {
        Self {
            rungs,
            cache,
            anew: false,
        }
    }

    /// The same ladder with its verdicts elsewhere.
    #[must_use]
    pub fn with_cache(self, cache: VerdictCache) -> Self {
        Self { cache, ..self }
    }

    /// The same ladder, for a climb that believes no cached verdict and replaces them all.
    #[must_use]
    pub fn asking_anew(self) -> Self {
        Self { anew: true, ..self }
    }

    /// The rungs, in order.
    #[must_use]
    pub fn rungs(&self) -> &[Box<dyn Rung>] {
        &self.rungs
    }

    /// The rungs, in order, for themselves.
    #[must_use]
    pub fn into_rungs(self) -> Vec<Box<dyn Rung>> {
        self.rungs
    }

    /// Tries every rung, by its cached verdict where there is one, and keeps the fastest that passes.
    ///
    /// # Errors
    /// [`NothingPasses`], with what each came to.
    pub fn climb<'m>(&self, model: &Model<'m>) -> Result<Climbed<'m>, Box<NothingPasses>> {
        self.climb_without(model, &[])
    }

    /// As [`Ladder::climb`], without the rungs at some positions, each with why it is out.
    ///
    /// # Errors
    /// As [`Ladder::climb`].
    ///
    /// # Panics
    /// When there is no rung at such a position.
    pub fn climb_without<'m>(
        &self,
        model: &Model<'m>,
        out: &[(usize, String)],
    ) -> Result<Climbed<'m>, Box<NothingPasses>> {
        let mut climb = Climb::new(self, model, out);
        for last_resort in [false, true] {
            for (index, rung) in self.rungs.iter().enumerate() {
                let is_needed = !rung.stands_in() || !climb.stood_in_for_passed(index);
                if rung.is_last_resort() == last_resort && is_needed {
                    climb.try_rung(index);
                }
            }
            // A verdict of an earlier start may be of a rung that breaks today; then the next best.
            while let Some(best) = climb.best() {
                if let Some(encoder) = climb.take_encoder(best) {
                    let report = climb.report(Some(best));
                    return Ok(Climbed { encoder, report });
                }
            }
        }
        Err(Box::new(NothingPasses(climb.report(None))))
    }
}

/// A climb under way.
struct Climb<'l, 'm, 'a> {
    ladder: &'l Ladder,
    model: &'a Model<'m>,
    tried: Vec<Tried>,
    /// The encoder of the best rung that was tried now, and its position.
    encoder: Option<(usize, Encoder<'m>)>,
}

impl<'l, 'm, 'a> Climb<'l, 'm, 'a> {
    fn new(ladder: &'l Ladder, model: &'a Model<'m>, out: &[(usize, String)]) -> Self {
        let mut tried = vec![Tried::Spared; ladder.rungs.len()];
        for (index, reason) in out {
            tried[*index] = Tried::Broken(reason.clone());
        }
        Self {
            ladder,
            model,
            tried,
            encoder: None,
        }
    }

    fn try_rung(&mut self, index: usize) {
        if matches!(self.tried[index], Tried::Broken(_)) {
            return;
        }
        let rung = &*self.ladder.rungs[index];
        let key = VerdictKey::new(self.model, rung);
        let earlier = self.ladder.cache.find(&key).filter(|_| !self.ladder.anew);
        self.tried[index] = match earlier {
            Some(trial) => Tried::Earlier(trial),
            None => match trial::run(rung, self.model) {
                Ok((trial, encoder)) => {
                    // A device without a place for the cache asks anew each time.
                    let _ = self.ladder.cache.keep(&key, &trial);
                    self.tried[index] = Tried::Now(trial);
                    if self.best() == Some(index) {
                        self.encoder = Some((index, encoder));
                    }
                    return;
                }
                Err(reason) => Tried::Broken(reason),
            },
        };
    }

    /// Whether the rung that this one stands in for passed, or one between them.
    fn stood_in_for_passed(&self, index: usize) -> bool {
        let before = &self.ladder.rungs[..index];
        let first = before.iter().rposition(|rung| !rung.stands_in());
        let tried = &self.tried[first.unwrap_or(0)..index];
        tried.iter().any(|tried| tried.passed_ms().is_some())
    }

    /// The fastest rung that passed.
    fn best(&self) -> Option<usize> {
        let passed = self.tried.iter().enumerate();
        let passed = passed.filter_map(|(index, tried)| Some((index, tried.passed_ms()?)));
        let best = passed.min_by(|(_, a), (_, b)| a.total_cmp(b));
        best.map(|(index, _)| index)
    }

    /// The encoder of a rung; a rung that does not give one is broken.
    fn take_encoder(&mut self, index: usize) -> Option<Encoder<'m>> {
        if let Some((_, encoder)) = self.encoder.take_if(|(kept, _)| *kept == index) {
            return Some(encoder);
        }
        let made = trial::encoder(&*self.ladder.rungs[index], self.model);
        made.map_err(|reason| self.tried[index] = Tried::Broken(reason))
            .ok()
    }

    fn report(&self, kept: Option<usize>) -> Report {
        let rungs = self.ladder.rungs.iter().zip(&self.tried);
        let standing = rungs.map(|(rung, tried)| Standing {
            name: rung.name(),
            tried: tried.clone(),
            opened_anew: 0,
        });
        Report {
            rungs: standing.collect(),
            kept,
        }
    }
}

/// The hardware GPUs, each with the kernels that are fastest by trying them, or by its vendor; and after
/// each, should those be wrong, the fastest without rows of 16-bit floats, where it has such, and its
/// plainest kernels.
#[must_use]
pub fn hardware_gpus(autotune: bool) -> Vec<Box<dyn Rung>> {
    gpus(autotune, false)
}

/// As [`hardware_gpus`], and then those that are software on the CPU.
#[must_use]
pub fn all_gpus(autotune: bool) -> Vec<Box<dyn Rung>> {
    gpus(autotune, true)
}

#[cfg(feature = "gpu")]
fn gpus(autotune: bool, software: bool) -> Vec<Box<dyn Rung>> {
    let gpus = crate::gpu::GpuRung::all(autotune).into_iter();
    let gpus = gpus.filter(|gpu| software || !gpu.description().is_software());
    let each = gpus.flat_map(|gpu| {
        let stand_ins = [gpu.of_whole_rows(), Some(gpu.plainest())];
        std::iter::once(gpu).chain(stand_ins.into_iter().flatten())
    });
    each.map(|gpu| Box::new(gpu) as Box<dyn Rung>).collect()
}

#[cfg(not(feature = "gpu"))]
fn gpus(_: bool, _: bool) -> Vec<Box<dyn Rung>> {
    Vec::new()
}
