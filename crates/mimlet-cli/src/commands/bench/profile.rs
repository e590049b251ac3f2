//! What each kernel of a GPU, or each step on the CPU, costs.

use std::fmt;

use mimlet_runtime::{BackendError, Encoder, WorkCost};
use serde::Serialize;

use crate::table::{Align, Table};
use crate::units::{bytes, milliseconds, or_dash};

/// Runs of which the fastest counts.
const RUNS: usize = 5;

/// Dispatches of one kernel with the same constants, in the order of their first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct KernelCost {
    kernel: &'static str,
    shape: String,
    dispatches: u64,
    bytes: u64,
    /// `None` on a GPU without a clock.
    ms: Option<f64>,
}

/// The kernels of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub(super) struct Profile(Vec<KernelCost>);

impl Profile {
    /// The fastest of a few runs, each piece of work by itself.
    ///
    /// # Errors
    /// When the device fails.
    pub(super) fn measure(encoder: &mut Encoder<'_>) -> Result<Self, BackendError> {
        let mut best = encoder.profile()?;
        for _ in 1..RUNS {
            for (best, cost) in best.iter_mut().zip(encoder.profile()?) {
                best.ms = best.ms.zip(cost.ms).map(|(a, b)| a.min(b));
            }
        }
        Ok(Self::sum(best))
    }

    fn sum(costs: Vec<WorkCost>) -> Self {
        let mut kernels: Vec<KernelCost> = Vec::new();
        for cost in costs {
            let same =
                |kernel: &&mut KernelCost| kernel.kernel == cost.name && kernel.shape == cost.shape;
            match kernels.iter_mut().find(same) {
                Some(kernel) => {
                    kernel.dispatches += 1;
                    kernel.bytes += cost.bytes;
                    kernel.ms = kernel.ms.zip(cost.ms).map(|(a, b)| a + b);
                }
                None => kernels.push(KernelCost {
                    kernel: cost.name,
                    shape: cost.shape,
                    dispatches: 1,
                    bytes: cost.bytes,
                    ms: cost.ms,
                }),
            }
        }
        Self(kernels)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return writeln!(f, "no profile: this backend's steps are not apart");
        }
        let mut table = Table::new([
            ("kernel", Align::Left),
            ("count", Align::Right),
            ("time", Align::Right),
            ("bound", Align::Right),
            ("shape", Align::Left),
        ]);
        let mut total: Option<f64> = Some(0.0);
        for kernel in &self.0 {
            total = total.zip(kernel.ms).map(|(sum, ms)| sum + ms);
            table.row([
                kernel.kernel.to_string(),
                kernel.dispatches.to_string(),
                or_dash(kernel.ms, milliseconds),
                bytes(kernel.bytes),
                kernel.shape.clone(),
            ]);
        }
        let count: u64 = self.0.iter().map(|kernel| kernel.dispatches).sum();
        table.row([
            "all".to_string(),
            count.to_string(),
            or_dash(total, milliseconds),
            bytes(self.0.iter().map(|kernel| kernel.bytes).sum()),
            String::new(),
        ]);
        table.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::Profile;
    use mimlet_runtime::WorkCost;

    fn cost(shape: &str, ms: Option<f64>) -> WorkCost {
        WorkCost {
            name: "linear",
            shape: shape.into(),
            bytes: 10,
            ms,
        }
    }

    #[test]
    fn dispatches_of_one_kernel_and_shape_are_summed() {
        let costs = [("a", 1.0), ("b", 2.0), ("a", 4.0)];
        let profile = Profile::sum(costs.map(|(shape, ms)| cost(shape, Some(ms))).into());
        let rows: Vec<_> = profile
            .0
            .iter()
            .map(|k| (k.shape.as_str(), k.dispatches, k.bytes, k.ms))
            .collect();
        assert_eq!(rows, [("a", 2, 20, Some(5.0)), ("b", 1, 10, Some(2.0))]);
    }

    #[test]
    fn without_a_clock_there_are_counts_and_no_times() {
        let text = Profile::sum(vec![cost("a", None), cost("a", None)]).to_string();
        let last = text.lines().last().unwrap_or_default();
        assert!(last.starts_with("all") && last.contains(" 2 "), "{text}");
        assert!(!text.contains("ms"), "{text}");
        assert!(Profile::sum(Vec::new()).to_string().contains("no profile"));
    }
}
