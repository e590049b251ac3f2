//! Which backend runs a model, and why that one.

use std::fmt;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use clap::{Args, ValueEnum};
use mimlet_format::{Model, ModelFile};
use mimlet_runtime::Encoding;
use mimlet_session::{CpuRung, Ladder, Report, Rung, Running, Tried, hardware_gpus};
use serde::Serialize;

use crate::error::Error;
use crate::gpu;
use crate::output::Output;
use crate::progress::Progress;
use crate::units::milliseconds;

/// What is said while the ladder is climbed.
const PROVING: &str = "proving the backends";

/// What a user may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendKind {
    /// The fastest that passes the file's acceptance test: hardware GPUs, the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The first GPU that wgpu finds, a software one when there is no other.
    Wgpu,
}

/// The flags that choose a backend.
#[derive(Debug, Clone, Args)]
pub(crate) struct BackendArgs {
    /// What runs the model
    #[arg(long, value_enum, default_value_t = BackendKind::Auto)]
    backend: BackendKind,
    /// Threads of the CPU backend [default: all]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Choose a GPU's kernels by its vendor, without trying which are fastest
    #[arg(long)]
    no_autotune: bool,
}

/// The backend that runs, and why it was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Choice {
    /// What it calls itself.
    pub(crate) name: String,
    /// Why this one.
    pub(crate) reason: String,
}

/// A model on the chosen backend.
#[derive(Debug)]
pub(crate) struct Session<'m> {
    running: Running<'m>,
    pub(crate) choice: Choice,
    /// Threads of the CPU.
    threads: NonZeroUsize,
}

/// What threads do when there are many images.
#[derive(Debug)]
pub(crate) enum Sharing {
    /// Each takes whole images, on a share of the CPU.
    Images(Vec<Box<dyn Rung>>),
    /// So many prepare images for another device.
    Preparation(usize),
    /// There is one.
    Nothing,
}

impl BackendArgs {
    /// Threads of the CPU backend.
    pub(crate) fn threads(&self) -> NonZeroUsize {
        self.threads
            .or_else(|| available_parallelism().ok())
            .unwrap_or(NonZeroUsize::MIN)
    }

    /// The backend asked for by name; `None` when the choice is left to this program.
    ///
    /// # Errors
    /// When a GPU is asked for and there is none.
    pub(crate) fn asked_for(&self) -> Result<Option<Box<dyn Rung>>, Error> {
        match self.backend {
            BackendKind::Auto => Ok(None),
            BackendKind::Cpu => Ok(Some(Box::new(CpuRung::fastest(self.threads())))),
            BackendKind::Wgpu => first_gpu(!self.no_autotune).map(Some),
        }
    }

    /// What the choice is made among.
    pub(crate) fn ladder(&self) -> Ladder {
        Ladder::of_threads(self.threads(), hardware_gpus(!self.no_autotune))
    }

    /// The model on the backend asked for.
    ///
    /// # Errors
    /// When a GPU is asked for and there is none, or it cannot run this model; or when no backend
    /// runs it right.
    pub(crate) fn open<'m>(&self, model: &Model<'m>) -> Result<Session<'m>, Error> {
        let running = match self.asked_for()? {
            Some(rung) => Running::asked_for(rung, model).map_err(Error::new)?,
            None => {
                let _progress = Progress::unknown(PROVING);
                Running::climb(self.ladder(), model)?
            }
        };
        Ok(Session {
            choice: Choice {
                name: running.describe(),
                reason: reason(running.report()),
            },
            running,
            threads: self.threads(),
        })
    }

    /// The backend that [`open`](Self::open) would use for a file, and why.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) fn place(&self, file: &ModelFile) -> Result<(Box<dyn Rung>, String), Error> {
        if let Some(rung) = self.asked_for()? {
            return Ok((rung, "asked for".to_owned()));
        }
        let ladder = self.ladder();
        let report = {
            let _progress = Progress::unknown(PROVING);
            ladder.climb(&file.model())?.report
        };
        let kept = report.kept.unwrap_or_default();
        Ok((ladder.into_rungs().swap_remove(kept), reason(&report)))
    }
}

/// The first adapter; hardware comes before software.
fn first_gpu(autotune: bool) -> Result<Box<dyn Rung>, Error> {
    gpu::rungs(autotune).into_iter().next().ok_or_else(|| {
        let mend = if cfg!(feature = "gpu") {
            "install a Vulkan, Metal, DX12 or OpenGL driver"
        } else {
            "build with the feature gpu"
        };
        Error::new(format_args!(
            "--backend wgpu: no GPU found: {mend}, or use --backend cpu"
        ))
    })
}

/// Why the rung that was kept was.
fn reason(report: &Report) -> String {
    if report
        .kept()
        .is_some_and(|kept| kept.tried == Tried::AskedFor)
    {
        return Tried::AskedFor.to_string();
    }
    let kept = report.kept().and_then(|kept| kept.tried.passed_ms());
    let own = kept.map_or(String::new(), |ms| {
        format!("passed, {} an image", milliseconds(ms))
    });
    let others = report.rungs.iter().enumerate();
    let others = others
        .filter(|(index, standing)| Some(*index) != report.kept && standing.tried != Tried::Spared);
    let others: Vec<String> = others
        .map(|(_, standing)| format!("{}: {}", standing.name, standing.tried))
        .collect();
    if !others.is_empty() {
        return format!("{own}; {}", others.join("; "));
    }
    format!("{own}; no hardware GPU found")
}

impl<'m> Session<'m> {
    /// What threads do when there are many images.
    pub(crate) fn sharing(&self) -> Sharing {
        let Some(rung) = self.running.rung() else {
            return Sharing::Nothing;
        };
        match (rung.kind(), self.threads.get()) {
            ("cpu", 1) => Sharing::Nothing,
            ("cpu", _) => Sharing::Images(rung.shares()),
            (_, threads) => Sharing::Preparation(threads),
        }
    }

    /// Encodes an image, f32 `[3, height, width]`, normalised. When the backend fails, it is opened anew,
    /// or the next best takes over where `auto` chose it, and a line says so.
    ///
    /// # Errors
    /// As [`Running::encode`].
    pub(crate) fn encode(&mut self, image: &[f32], output: Output) -> Result<Encoding, Error> {
        let before = self.running.report().kept;
        let encoding = self.running.encode(image)?.clone();
        self.tell_failures(before, output);
        Ok(encoding)
    }

    /// As [`Session::encode`], of several images, which a GPU runs together.
    ///
    /// # Errors
    /// As [`Running::encode_batch`].
    pub(crate) fn encode_batch(
        &mut self,
        images: &[&[f32]],
        output: Output,
    ) -> Result<Vec<Encoding>, Error> {
        let before = self.running.report().kept;
        let mut encodings = vec![Encoding::default(); images.len()];
        self.running.encode_batch(images, &mut encodings)?;
        self.tell_failures(before, output);
        Ok(encodings)
    }

    /// How many images at once are best where it runs now.
    pub(crate) fn images_at_once(&self) -> usize {
        self.running.images_at_once()
    }

    /// Says in a line what failed in the last call, if anything did.
    fn tell_failures(&mut self, before: Option<usize>, output: Output) {
        if !self.running.failures().is_empty() {
            self.choice = self.mended(before);
            output.remark(&self.choice.reason);
        }
    }

    /// What runs after failures of the rung that was kept before.
    fn mended(&self, before: Option<usize>) -> Choice {
        let (report, name) = (self.running.report(), self.running.describe());
        let failures = self.running.failures().join("; ");
        let times = report.kept().map_or(0, |kept| kept.opened_anew);
        let reason = match report.kept == before {
            true => format!("{failures}; opened anew, {times} x so far"),
            false => format!("{failures}; {name} took over"),
        };
        Choice { name, reason }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.reason)
    }
}
