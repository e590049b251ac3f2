//! The CPU as a rung.

use crate::rung::Rung;
use mimlet_format::Model;
use mimlet_kernels::Level;
use mimlet_runtime::{CpuBackend, Encoder, Plan};
use std::num::NonZeroUsize;

/// The CPU, at one of its instruction sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuRung {
    level: Level,
    threads: NonZeroUsize,
    last_resort: bool,
}

impl CpuRung {
    /// The CPU with the best instructions it has.
    #[must_use]
    pub fn fastest(threads: NonZeroUsize) -> Self {
        let level = Level::detect();
        Self {
            level,
            threads,
            last_resort: false,
        }
    }

    /// The CPU with only the instructions that every one of its kind has, for a machine whose better
    /// ones are wrong; `None` when those are the best it has.
    #[must_use]
    pub fn plainest(threads: NonZeroUsize) -> Option<Self> {
        let plain = Self {
            level: Level::BASELINE,
            threads,
            last_resort: true,
        };
        (Level::detect() != Level::BASELINE).then_some(plain)
    }
}

impl Rung for CpuRung {
    fn name(&self) -> String {
        let plural = if self.threads.get() == 1 { "" } else { "s" };
        format!("cpu {}, {} thread{plural}", self.level.name(), self.threads)
    }

    fn kind(&self) -> &'static str {
        "cpu"
    }

    fn device(&self) -> String {
        self.name().trim_start_matches("cpu ").to_owned()
    }

    fn identity(&self) -> String {
        format!("{} {}", std::env::consts::ARCH, self.name())
    }

    fn is_last_resort(&self) -> bool {
        self.last_resort
    }

    fn shares(&self) -> Vec<Box<dyn Rung>> {
        let threads = match self.threads.get() {
            1 => 0,
            threads => threads,
        };
        let alone = Self {
            threads: NonZeroUsize::MIN,
            ..*self
        };
        (0..threads)
            .map(|_| Box::new(alone) as Box<dyn Rung>)
            .collect()
    }

    fn encoder<'m>(&self, model: &Model<'m>) -> Result<Encoder<'m>, String> {
        let plan = Plan::new(model.manifest()).map_err(|error| error.to_string())?;
        let backend = CpuBackend::new(model, &plan, self.level, self.threads.get());
        let backend = backend.map_err(|error| error.to_string())?;
        Ok(Encoder::new(model, &plan, Box::new(backend)))
    }
}
