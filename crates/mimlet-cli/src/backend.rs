//! Which backend runs a model, and why that one.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::Instant;

use clap::{Args, ValueEnum};
use mimlet_format::{GoldenTensor, Model, ModelFile, TensorRole};
use mimlet_runtime::{EncodeError, Encoder, Encoding, acceptance};
use serde::Serialize;

use crate::error::Error;
use crate::gpu::{self, Adapter};
use crate::latency::Latencies;
use crate::output::Output;
use crate::progress::Progress;
use crate::units::milliseconds;

/// Runs that decide which of two backends is faster.
const TRIAL_RUNS: usize = 5;

/// What a user may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendKind {
    /// A GPU when one passes the file's acceptance test and is faster, else the CPU.
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

/// A backend, before it is given a model.
#[derive(Debug)]
pub(crate) enum Place {
    /// The CPU, on this many threads.
    Cpu(usize),
    /// A GPU.
    Gpu(Adapter),
}

impl Place {
    /// An encoder for a model.
    ///
    /// # Errors
    /// When the GPU cannot run this model.
    pub(crate) fn encoder<'m>(&self, model: &Model<'m>) -> Result<Encoder<'m>, Error> {
        match self {
            Self::Cpu(threads) => Ok(Encoder::on_cpu(model, *threads)?),
            Self::Gpu(adapter) => adapter.encoder(model),
        }
    }
}

/// A backend that was chosen for a model.
#[derive(Debug)]
struct Selected<'m> {
    place: Place,
    reason: String,
    /// The encoder that the choice was made with, if it took one.
    encoder: Option<Encoder<'m>>,
}

/// An encoder on the chosen backend.
#[derive(Debug)]
pub(crate) struct Session<'m> {
    pub(crate) encoder: Encoder<'m>,
    pub(crate) choice: Choice,
    /// Threads of the CPU backend that takes over when a GPU chosen by `auto` fails.
    stand_in: Option<usize>,
}

impl BackendArgs {
    /// Threads of the CPU backend.
    pub(crate) fn threads(&self) -> usize {
        self.threads
            .or_else(|| available_parallelism().ok())
            .map_or(1, NonZeroUsize::get)
    }

    /// An encoder for the model on the backend asked for.
    ///
    /// # Errors
    /// When a GPU is asked for and there is none, or it cannot run this model.
    pub(crate) fn open<'m>(&self, model: &Model<'m>) -> Result<Session<'m>, Error> {
        let selected = self.select(model)?;
        let encoder = match selected.encoder {
            Some(encoder) => encoder,
            None => selected.place.encoder(model)?,
        };
        let by_auto = self.backend == BackendKind::Auto;
        let stand_in = match selected.place {
            Place::Gpu(_) if by_auto => Some(self.threads()),
            _ => None,
        };
        Ok(Session::new(encoder, selected.reason, stand_in))
    }

    /// The backend that [`open`](Self::open) would use for a file, and why.
    ///
    /// # Errors
    /// When a GPU is asked for and there is none.
    pub(crate) fn place(&self, file: &ModelFile) -> Result<(Place, String), Error> {
        let selected = self.select(&file.model())?;
        Ok((selected.place, selected.reason))
    }

    fn select<'m>(&self, model: &Model<'m>) -> Result<Selected<'m>, Error> {
        match self.backend {
            BackendKind::Cpu => Ok(self.cpu("asked for")),
            BackendKind::Wgpu => self.wgpu(),
            BackendKind::Auto => self.auto(model),
        }
    }

    fn cpu<'m>(&self, reason: impl Into<String>) -> Selected<'m> {
        Selected {
            place: Place::Cpu(self.threads()),
            reason: reason.into(),
            encoder: None,
        }
    }

    fn auto<'m>(&self, model: &Model<'m>) -> Result<Selected<'m>, Error> {
        let (software, hardware): (Vec<_>, Vec<_>) = gpu::adapters(!self.no_autotune)
            .into_iter()
            .partition(Adapter::is_software);
        let Some(adapter) = hardware.into_iter().next() else {
            return Ok(self.cpu(match software.first() {
                Some(adapter) => format!("the only GPU is software: {}", adapter.name()),
                None => "no GPU found".to_string(),
            }));
        };
        let _progress = Progress::unknown("trying the GPU");
        let mut cpu = Encoder::on_cpu(model, self.threads())?;
        Ok(match trial(&adapter, model, &mut cpu) {
            Ok((encoder, reason)) => Selected {
                place: Place::Gpu(adapter),
                reason,
                encoder: Some(encoder),
            },
            Err(reason) => self.cpu(reason),
        })
    }

    /// The first adapter; hardware comes before software.
    fn wgpu<'m>(&self) -> Result<Selected<'m>, Error> {
        let Some(adapter) = gpu::adapters(!self.no_autotune).into_iter().next() else {
            let mend = if cfg!(feature = "gpu") {
                "install a Vulkan, Metal, DX12 or OpenGL driver"
            } else {
                "build with the feature gpu"
            };
            return Err(Error::new(format_args!(
                "--backend wgpu: no GPU found: {mend}, or use --backend cpu"
            )));
        };
        Ok(Selected {
            place: Place::Gpu(adapter),
            reason: "asked for".to_string(),
            encoder: None,
        })
    }
}

/// An encoder on the adapter and why it is better than the CPU, or why it is not.
fn trial<'m>(
    adapter: &Adapter,
    model: &Model<'m>,
    cpu: &mut Encoder<'m>,
) -> Result<(Encoder<'m>, String), String> {
    let name = adapter.name();
    let failed = |error: &dyn std::fmt::Display| format!("{name} failed: {error}");
    let mut gpu = adapter.encoder(model).map_err(|error| failed(&error))?;
    let verdict = acceptance::run(model, &mut gpu).map_err(|error| failed(&error))?;
    if !verdict.passed() {
        let failures = verdict.failures.join("; ");
        return Err(format!(
            "{name} did not pass the acceptance test: {failures}"
        ));
    }
    let gpu_ms = trial_ms(model, &mut gpu).map_err(|error| failed(&error))?;
    let cpu_ms = trial_ms(model, cpu).map_err(|error| format!("the CPU failed: {error}"))?;
    let (gpu_time, cpu_time) = (milliseconds(gpu_ms), milliseconds(cpu_ms));
    if gpu_ms < cpu_ms {
        Ok((
            gpu,
            format!("passed, and {gpu_time} an image against {cpu_time} on the CPU"),
        ))
    } else {
        Err(format!(
            "{name} takes {gpu_time} an image, the CPU {cpu_time}"
        ))
    }
}

/// Median latency over a few golden images, after one run to warm up.
fn trial_ms(model: &Model<'_>, encoder: &mut Encoder<'_>) -> Result<f64, EncodeError> {
    let mut latencies = Latencies::default();
    let images = golden_images(model);
    if let Some(image) = images.first() {
        encoder.encode_pixels(image)?;
    }
    for image in images.iter().cycle().take(TRIAL_RUNS) {
        let start = Instant::now();
        encoder.encode_pixels(image)?;
        latencies.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(latencies
        .percentiles()
        .map_or(f64::NAN, |found| found.p50_ms))
}

/// The acceptance test's images, u8 `[height, width, 3]` each.
pub(crate) fn golden_images<'m>(model: &Model<'m>) -> Vec<&'m [u8]> {
    let pixels = model
        .tensor(TensorRole::Golden(GoldenTensor::Images))
        .and_then(|tensor| tensor.u8())
        .unwrap_or_default();
    let images = model.manifest().acceptance.images.max(1) as usize;
    // A checked file has at least one image, of at least one pixel.
    pixels
        .chunks_exact((pixels.len() / images).max(1))
        .collect()
}

impl<'m> Session<'m> {
    fn new(encoder: Encoder<'m>, reason: String, stand_in: Option<usize>) -> Self {
        let name = encoder.describe();
        Self {
            encoder,
            choice: Choice { name, reason },
            stand_in,
        }
    }

    /// Encodes an image, f32 `[3, height, width]`, normalised. When a GPU that `auto` chose fails,
    /// the CPU takes over, and a line says so.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub(crate) fn encode(
        &mut self,
        model: &Model<'m>,
        image: &[f32],
        output: Output,
    ) -> Result<Encoding, Error> {
        let error = match self.encoder.encode(image) {
            Ok(encoding) => return Ok(encoding.clone()),
            Err(error) => error,
        };
        match (self.stand_in.take(), &error) {
            (Some(threads), EncodeError::Backend(_)) => {
                let reason = format!("{error}; the CPU took over");
                output.remark(&reason);
                *self = Self::new(Encoder::on_cpu(model, threads)?, reason, None);
                Ok(self.encoder.encode(image)?.clone())
            }
            _ => Err(error.into()),
        }
    }
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.name, self.reason)
    }
}
