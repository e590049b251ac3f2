//! Which backend runs a model, and why that one.

use std::fmt;
use std::mem;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use clap::{Args, ValueEnum};
use mimlet_format::{Model, ModelFile};
use mimlet_runtime::{EncodeError, Encoder, Encoding};
use mimlet_session::{Climbed, CpuRung, Ladder, Report, Rung, Tried, hardware_gpus};
use serde::Serialize;

use crate::error::Error;
use crate::gpu;
use crate::output::Output;
use crate::progress::Progress;
use crate::units::milliseconds;

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

/// An encoder on the chosen backend.
#[derive(Debug)]
pub(crate) struct Session<'m> {
    pub(crate) encoder: Encoder<'m>,
    pub(crate) choice: Choice,
    /// How many images are shared out.
    sharing: Sharing,
    /// What `auto` goes on with when its choice fails.
    fallback: Option<Fallback>,
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

impl Sharing {
    fn of(rung: &dyn Rung, threads: NonZeroUsize) -> Self {
        match (rung.kind(), threads.get()) {
            ("cpu", 1) => Self::Nothing,
            ("cpu", _) => Self::Images(rung.shares()),
            (_, threads) => Self::Preparation(threads),
        }
    }
}

/// The ladder that `auto` climbed, and what of it is out.
#[derive(Debug)]
struct Fallback {
    ladder: Ladder,
    kept: Option<usize>,
    out: Vec<(usize, String)>,
}

impl Fallback {
    /// Of the rung that was kept.
    fn sharing(&self, threads: NonZeroUsize) -> Sharing {
        let kept = self.kept.map(|kept| self.ladder.rungs()[kept].as_ref());
        kept.map_or(Sharing::Nothing, |rung| Sharing::of(rung, threads))
    }
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

    /// An encoder for the model on the backend asked for.
    ///
    /// # Errors
    /// When a GPU is asked for and there is none, or it cannot run this model; or when no backend
    /// runs it right.
    pub(crate) fn open<'m>(&self, model: &Model<'m>) -> Result<Session<'m>, Error> {
        if let Some(rung) = self.asked_for()? {
            let encoder = rung.encoder(model).map_err(Error::new)?;
            let sharing = Sharing::of(rung.as_ref(), self.threads());
            return Ok(Session::new(encoder, "asked for".to_owned(), sharing, None));
        }
        let ladder = self.ladder();
        let climbed = climb(&ladder, model)?;
        let fallback = Fallback {
            kept: climbed.report.kept,
            out: Vec::new(),
            ladder,
        };
        let reason = reason(&climbed.report);
        let sharing = fallback.sharing(self.threads());
        Ok(Session::new(
            climbed.encoder,
            reason,
            sharing,
            Some(fallback),
        ))
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
        let report = climb(&ladder, &file.model())?.report;
        let kept = report.kept.unwrap_or_default();
        Ok((ladder.into_rungs().swap_remove(kept), reason(&report)))
    }
}

fn climb<'m>(ladder: &Ladder, model: &Model<'m>) -> Result<Climbed<'m>, Error> {
    let _progress = Progress::unknown("proving the backends");
    Ok(ladder.climb(model)?)
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
    fn new(
        encoder: Encoder<'m>,
        reason: String,
        sharing: Sharing,
        fallback: Option<Fallback>,
    ) -> Self {
        let name = encoder.describe();
        Self {
            encoder,
            choice: Choice { name, reason },
            sharing,
            fallback,
        }
    }

    /// What threads do when there are many images; once.
    pub(crate) fn sharing(&mut self) -> Sharing {
        mem::replace(&mut self.sharing, Sharing::Nothing)
    }

    /// Encodes an image, f32 `[3, height, width]`, normalised. When the backend that `auto` chose
    /// fails, the next best takes over, and a line says so.
    ///
    /// # Errors
    /// As [`Encoder::encode`]; or when no backend is left.
    pub(crate) fn encode(
        &mut self,
        model: &Model<'m>,
        image: &[f32],
        output: Output,
    ) -> Result<Encoding, Error> {
        loop {
            let error = match self.encoder.encode(image) {
                Ok(encoding) => return Ok(encoding.clone()),
                Err(error) => error,
            };
            let Some(mut fallback) = self.fallback.take() else {
                return Err(error.into());
            };
            let (EncodeError::Backend(_), Some(kept)) = (&error, fallback.kept) else {
                return Err(error.into());
            };
            fallback.out.push((kept, error.to_string()));
            let climbed = fallback.ladder.climb_without(model, &fallback.out)?;
            fallback.kept = climbed.report.kept;
            let reason = format!("{error}; {} took over", climbed.encoder.describe());
            output.remark(&reason);
            *self = Self::new(climbed.encoder, reason, Sharing::Nothing, Some(fallback));
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.reason)
    }
}
