//! `mimlet devices`: what can run models here.

use std::fmt;
use std::thread::available_parallelism;

use clap::Args;
use mimlet_export::Target;
use mimlet_kernels::Level;
use serde::Serialize;

use crate::adapter::{AdapterInfo, AdapterLimits};
use crate::error::Error;
use crate::gpu;
use crate::output::{Outcome, Output};
use crate::table::{Align, Facts, Table};
use crate::units::{bytes, count};

/// Arguments of `mimlet devices`.
#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {}

/// What `mimlet devices` prints.
#[derive(Debug, Serialize)]
struct Report {
    cpu: Cpu,
    /// Whether this build can use GPUs at all.
    gpu_support: bool,
    adapters: Vec<Fitted>,
    targets: Vec<Profile>,
}

#[derive(Debug, Serialize)]
struct Cpu {
    /// The instructions its kernels use.
    level: &'static str,
    threads: usize,
}

/// A GPU, with the targets whose limits it reaches: a file exported for one of them runs on it.
#[derive(Debug, Serialize)]
struct Fitted {
    #[serde(flatten)]
    info: AdapterInfo,
    targets: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Profile {
    name: String,
    summary: String,
}

impl DevicesArgs {
    /// Prints the CPU, the GPUs and the targets.
    pub(crate) fn run(self, output: Output) -> Result<Outcome, Error> {
        let targets: Vec<Target> = Target::bundled().collect();
        let fitted = |info: AdapterInfo| Fitted {
            targets: targets
                .iter()
                .filter(|target| reaches(&info.limits, target))
                .map(|target| target.name.clone())
                .collect(),
            info,
        };
        output.print(&Report {
            cpu: Cpu {
                level: Level::detect().name(),
                threads: available_parallelism().map_or(1, usize::from),
            },
            gpu_support: cfg!(feature = "gpu"),
            adapters: gpu::adapters()
                .iter()
                .map(|adapter| fitted(adapter.info()))
                .collect(),
            targets: targets
                .iter()
                .map(|target| Profile {
                    name: target.name.clone(),
                    summary: target.summary.clone(),
                })
                .collect(),
        })?;
        Ok(Outcome::Good)
    }
}

/// Whether a GPU offers all that the target's does; never for a target without a GPU.
fn reaches(limits: &AdapterLimits, target: &Target) -> bool {
    target.gpu.is_some() && limits.reach(&target.limits().into())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threads = count(self.cpu.threads as u64, "thread");
        writeln!(f, "cpu  {}, {threads}", self.cpu.level)?;
        if self.adapters.is_empty() {
            let why = if self.gpu_support {
                "none found; its driver may be missing"
            } else {
                "this build has no GPU support"
            };
            writeln!(f, "gpu  {why}")?;
        }
        for adapter in &self.adapters {
            writeln!(f, "\n{}", adapter.facts())?;
        }
        let mut table = Table::new([("target", Align::Left), ("what it is", Align::Left)]);
        for target in &self.targets {
            table.row([target.name.clone(), target.summary.clone()]);
        }
        write!(f, "\n{table}")
    }
}

impl Fitted {
    fn facts(&self) -> String {
        let (info, limits) = (&self.info, &self.info.limits);
        let listed = |names: &[&str]| match names {
            [] => "none".to_string(),
            names => names.join(", "),
        };
        let targets: Vec<&str> = self.targets.iter().map(String::as_str).collect();
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
            .fact("features", listed(&info.features))
            .fact("fits", listed(&targets));
        facts.to_string().trim_end().to_string()
    }
}
