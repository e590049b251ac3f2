//! Whether a file, its manifest and its plan keep every limit of a target.

use super::work::operations;
use super::{Target, WeightType};
use crate::ExportError;
use mimlet_format::{Manifest, TensorRole};
use mimlet_runtime::{Plan, PlanError, working_bytes};
use serde::Serialize;
use std::fmt;

/// A limit that a model exceeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The tensor, buffer or step that is too large: `buffer wide`.
    pub what: String,
    /// What it takes: `9,437,184 bytes`.
    pub found: String,
    /// The target's field: `gpu.max_binding_bytes`.
    pub limit: &'static str,
    /// What the field allows.
    pub allowed: String,
    /// What to do.
    pub mend: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            found,
            limit,
            allowed,
            mend,
        } = self;
        write!(f, "{what}: {found}, but {limit} allows {allowed}; {mend}")
    }
}

/// All of them in one line: the first in full, the others by their field.
pub(crate) fn in_a_line(refusals: &[Refusal]) -> String {
    let Some((first, others)) = refusals.split_first() else {
        return String::new();
    };
    let others: Vec<&str> = others.iter().map(|refusal| refusal.limit).collect();
    if others.is_empty() {
        first.to_string()
    } else {
        format!("{first} (it exceeds {} as well)", others.join(", "))
    }
}

impl Target {
    /// Holds a packed file of `file_len` bytes, its manifest and its plan to the target.
    ///
    /// # Errors
    /// [`ExportError::TargetRefuses`], naming what exceeds which limit.
    pub fn fits(&self, manifest: &Manifest, plan: &Plan, file_len: u64) -> Result<(), ExportError> {
        let refusals = self.refusals(manifest, plan, file_len);
        if refusals.is_empty() {
            return Ok(());
        }
        Err(ExportError::TargetRefuses {
            target: self.name.clone(),
            refusals,
        })
    }

    /// The limits that a file of `file_len` bytes, its manifest and its plan exceed; none when it
    /// fits.
    #[must_use]
    pub fn refusals(&self, manifest: &Manifest, plan: &Plan, file_len: u64) -> Vec<Refusal> {
        [
            self.element_types(manifest),
            self.gpu_plan(plan),
            self.gpu_buffers(manifest, plan),
            self.gpu_watchdog(plan),
            self.flash(file_len),
            self.memory(plan),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn element_types(&self, manifest: &Manifest) -> Option<Refusal> {
        let mut unusable = weights(manifest).filter_map(|entry| {
            let dtype = WeightType::of(entry.dtype)?;
            (!self.weights.contains(&dtype)).then_some((entry.role, dtype))
        });
        let (role, dtype) = unusable.next()?;
        let others = match unusable.count() {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        let names: Vec<String> = self.weights.iter().map(WeightType::to_string).collect();
        Some(Refusal {
            what: format!("tensor {role}{others}"),
            found: dtype.to_string(),
            limit: "weights",
            allowed: names.join(", "),
            mend: "choose a --scheme that stores one of these".to_owned(),
        })
    }

    fn gpu_plan(&self, plan: &Plan) -> Option<Refusal> {
        plan.fits(&self.limits()?).err().map(of_plan)
    }

    fn gpu_buffers(&self, manifest: &Manifest, plan: &Plan) -> Option<Refusal> {
        let most = self.gpu?.max_buffer_bytes;
        let (what, bytes) = largest(manifest, plan, self.gpu?.max_binding_bytes);
        (bytes > most).then(|| Refusal {
            mend: smaller(&what),
            what,
            found: count(bytes, "bytes"),
            limit: "gpu.max_buffer_bytes",
            allowed: count(most, "bytes"),
        })
    }

    fn gpu_watchdog(&self, plan: &Plan) -> Option<Refusal> {
        let gpu = self.gpu?;
        let (patience, gflops) = (gpu.watchdog_ms?, gpu.gflops?);
        let (step, operations) = plan
            .steps()
            .iter()
            .map(|step| (step, operations(step)))
            .max_by_key(|(_, operations)| *operations)?;
        let ms = operations as f64 / (gflops * 1e6);
        (ms > patience.into()).then(|| Refusal {
            what: format!("step {}", step.kernel().name),
            found: format!("{ms:.0} ms at {gflops} GFLOP/s"),
            limit: "gpu.watchdog_ms",
            allowed: format!("{patience} ms"),
            mend: "choose a smaller --image-size or encoder".to_owned(),
        })
    }

    fn flash(&self, file_len: u64) -> Option<Refusal> {
        let flash = self.flash_bytes.filter(|&flash| file_len > flash)?;
        Some(Refusal {
            what: "the file".to_owned(),
            found: count(file_len, "bytes"),
            limit: "flash_bytes",
            allowed: count(flash, "bytes"),
            mend: "choose a narrower --scheme, a smaller encoder or fewer golden images".to_owned(),
        })
    }

    fn memory(&self, plan: &Plan) -> Option<Refusal> {
        let memory = self.memory_bytes?;
        let needed = self.needed_bytes(plan);
        let weights = match self.flash_bytes {
            Some(_) => "",
            None => "weights, ",
        };
        (needed > memory).then(|| Refusal {
            what: format!("{weights}buffers and scratch"),
            found: count(needed, "bytes"),
            limit: "memory_bytes",
            allowed: count(memory, "bytes"),
            mend: "choose a narrower --scheme, a smaller --image-size or encoder".to_owned(),
        })
    }

    /// Bytes of RAM that a plan takes on the target: its weights where they don't stay in flash, and
    /// what the CPU backend works on with a thread on each core. A GPU needs less, but the CPU may have
    /// to take over.
    #[must_use]
    pub fn needed_bytes(&self, plan: &Plan) -> u64 {
        let weights = match self.flash_bytes {
            Some(_) => 0,
            None => plan.weight_bytes(),
        };
        let cores = self.cpu.as_ref().map_or(1, |cpu| cpu.cores as usize);
        weights + working_bytes(plan, cores)
    }
}

/// A manifest's tensors that an encoder reads.
fn weights(manifest: &Manifest) -> impl Iterator<Item = &mimlet_format::TensorEntry> {
    manifest
        .tensors
        .iter()
        .filter(|entry| !matches!(entry.role, TensorRole::Golden(_)))
}

/// The largest tensor or buffer, as [`PlanError`] names it. A tensor that is not bound at once has a buffer
/// for each of its parts.
fn largest(manifest: &Manifest, plan: &Plan, most_bound: u64) -> (String, u64) {
    let bytes = |length: u64| length.min(most_bound);
    let tensors =
        weights(manifest).map(|entry| (format!("tensor {}", entry.role), bytes(entry.length)));
    let buffers = plan
        .buffers()
        .iter()
        .map(|buffer| (format!("buffer {}", buffer.name), buffer.bytes()));
    tensors
        .chain(buffers)
        .max_by_key(|(_, bytes)| *bytes)
        .unwrap_or_default()
}

/// How to make a tensor or a buffer smaller.
fn smaller(what: &str) -> String {
    if what.starts_with("tensor") {
        "choose a narrower --scheme or a smaller encoder".to_owned()
    } else {
        "choose a smaller --image-size or encoder".to_owned()
    }
}

/// A plan's complaint, with the field of the target that it is about.
fn of_plan(error: PlanError) -> Refusal {
    match error {
        PlanError::BindingTooLarge {
            what,
            needed,
            limit,
        } => Refusal {
            mend: smaller(&what),
            what,
            found: count(needed, "bytes"),
            limit: "gpu.max_binding_bytes",
            allowed: count(limit, "bytes"),
        },
        PlanError::StepTooLarge {
            step,
            resource,
            needed,
            limit,
        } => {
            let (field, mend) = match resource {
                "storage buffers" => ("gpu.max_storage_buffers", "use its CPU"),
                "bytes of workgroup memory" => ("gpu.max_workgroup_bytes", "use its CPU"),
                "invocations in a workgroup" => ("gpu.max_invocations", "use its CPU"),
                "workgroups in a dimension" => {
                    ("gpu.max_workgroups", "choose a smaller --image-size")
                }
                _ => ("the kernel", "choose an encoder with more heads"),
            };
            Refusal {
                what: format!("step {step}"),
                found: count(needed, resource),
                limit: field,
                allowed: count(limit, resource),
                mend: mend.to_owned(),
            }
        }
        other => Refusal {
            what: "the plan".to_owned(),
            found: other.to_string(),
            limit: "the kernels",
            allowed: "less".to_owned(),
            mend: "choose another encoder".to_owned(),
        },
    }
}

/// A number with its thousands apart, and what it counts.
fn count(number: u64, noun: &str) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{text} {noun}")
}
