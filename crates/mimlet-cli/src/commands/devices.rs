//! `mimlet devices`: what can run models here.

mod machine;
mod standing;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use clap::Args;
use mimlet_format::ModelFile;
use mimlet_session::{Ladder, all_gpus};
use serde::Serialize;

use crate::adapter::AdapterInfo;
use crate::error::Error;
use crate::gpu;
use crate::ladder::LadderReport;
use crate::output::{Outcome, Output};
use crate::progress::Progress;
use crate::table::{Align, Facts, Table};
use crate::targets;
use crate::terminal::Canvas;
use crate::units::{bytes, count, or_dash};

use machine::Machine;
use standing::Standing;

/// Arguments of `mimlet devices`.
#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {
    /// A .mim file: show, too, what each backend makes of its acceptance test, and how fast
    file: Option<PathBuf>,
}

/// What `mimlet devices` prints.
#[derive(Debug, Serialize)]
struct Report {
    cpu: Machine,
    /// Whether this build can use GPUs at all.
    gpu_support: bool,
    adapters: Vec<Fitted>,
    targets: Vec<Standing>,
    /// What each backend, software GPUs included, makes of the file that was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    ladder: Option<LadderReport>,
    #[serde(skip)]
    canvas: Canvas,
}

/// A GPU, with the targets whose GPU it has all of: a file exported for one of them runs on it.
#[derive(Debug, Serialize)]
struct Fitted {
    #[serde(flatten)]
    info: AdapterInfo,
    targets: Vec<String>,
}

impl DevicesArgs {
    /// Prints the CPU, the GPUs and the targets that they stand for.
    pub(crate) fn run(self, output: Output) -> Result<Outcome, Error> {
        let ladder = self.file.as_deref().map(ladder).transpose()?;
        let targets = targets::known();
        let machine = Machine::here();
        let adapters = gpu::infos();
        output.print(&Report {
            gpu_support: cfg!(feature = "gpu"),
            targets: targets
                .iter()
                .map(|target| Standing::of(target, &machine, &adapters))
                .collect(),
            adapters: adapters
                .into_iter()
                .map(|info| Fitted {
                    targets: targets
                        .iter()
                        .filter(|target| target.gpu.is_some())
                        .filter(|target| standing::gpu_lacks(target, &info).is_empty())
                        .map(|target| target.name.clone())
                        .collect(),
                    info,
                })
                .collect(),
            cpu: machine,
            ladder,
            canvas: Canvas::stdout(),
        })?;
        Ok(Outcome::Good)
    }
}

/// Every backend's standing with a file.
fn ladder(path: &Path) -> Result<LadderReport, Error> {
    let file = ModelFile::open(path)?;
    let threads = available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let ladder = Ladder::of_threads(threads, all_gpus(true));
    let _progress = Progress::unknown("running the acceptance test on each backend");
    let report = match ladder.asking_anew().climb(&file.model()) {
        Ok(climbed) => climbed.report,
        Err(nothing) => nothing.0,
    };
    Ok(LadderReport::new(&report))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut facts = Facts::new();
        let simd: Vec<String> = self.cpu.simd.iter().map(ToString::to_string).collect();
        facts
            .fact(
                "cpu",
                format!(
                    "{}, {}, {} RAM",
                    self.cpu.level,
                    count(self.cpu.threads as u64, "thread"),
                    or_dash(self.cpu.ram_bytes, bytes)
                ),
            )
            .fact("instructions", listed(&simd));
        if self.adapters.is_empty() {
            facts.fact(
                "gpu",
                if self.gpu_support {
                    "none found; its driver may be missing"
                } else {
                    "this build has no GPU support"
                },
            );
        }
        write!(f, "{}", facts.within(self.canvas.width))?;
        for adapter in &self.adapters {
            write!(f, "\n{}", adapter.facts().within(self.canvas.width))?;
        }
        let mut table = Table::new([
            ("target", Align::Left),
            ("CPU", Align::Left),
            ("GPU", Align::Left),
        ]);
        for target in &self.targets {
            let verdict = |lacks: &[String]| match lacks {
                [] => "fits".to_string(),
                lacks => lacks.join(", "),
            };
            table.row([
                target.name.clone(),
                verdict(&target.cpu_lacks),
                match &target.gpu_lacks {
                    None => "-".to_string(),
                    Some(lacks) => verdict(lacks),
                },
            ]);
        }
        if !self.targets.is_empty() {
            write!(f, "\n{}", table.within(self.canvas.width))?;
        }
        match &self.ladder {
            Some(ladder) => write!(f, "\n{}", ladder.within(self.canvas.width)),
            None => Ok(()),
        }
    }
}

impl Fitted {
    fn facts(&self) -> Facts {
        let (info, limits) = (&self.info, &self.info.limits);
        let features: Vec<String> = info.features.iter().map(ToString::to_string).collect();
        let mut facts = Facts::new();
        facts
            .fact("gpu", &info.name)
            .fact("interface", format!("{}, {}", info.interface, info.kind))
            .fact("driver", format!("{} {}", info.driver, info.driver_info))
            .fact(
                "limits",
                format!(
                    "bindings of {}, {} storage buffers, workgroups of {} and {} invocations, {} a \
                     dimension",
                    bytes(limits.max_binding_bytes),
                    limits.max_storage_buffers,
                    bytes(limits.max_workgroup_bytes.into()),
                    limits.max_invocations,
                    limits.max_workgroups
                ),
            )
            .fact("features", listed(&features))
            .fact("fits", listed(&self.targets));
        facts
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "none".to_string(),
        names => names.join(", "),
    }
}
