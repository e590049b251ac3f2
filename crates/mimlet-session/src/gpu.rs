//! A GPU as a rung.

use crate::cache::cache_folder;
use crate::rung::Rung;
use mimlet_format::Model;
use mimlet_runtime::{Encoder, Plan};
use mimlet_wgpu::{AdapterDescription, Adapters, Choice, Requirements, Tuning, WgpuBackend};
use std::sync::Arc;

/// A GPU, not opened yet.
#[derive(Debug, Clone)]
pub struct GpuRung {
    list: Arc<Adapters>,
    index: usize,
    description: AdapterDescription,
    kernels: Kernels,
}

/// Which of its kernels a GPU runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kernels {
    /// The fastest, found by trying them.
    Tried,
    /// As [`Kernels::Tried`], but for those that round rows to 16-bit floats.
    OfWholeRows,
    /// Those that suit its vendor's GPUs.
    OfVendor,
    /// Those that ask least of it.
    Plainest,
}

impl GpuRung {
    /// The GPUs of this machine, hardware before software; whether each of their kernels is chosen by
    /// trying those there are, or by the vendor.
    #[must_use]
    pub fn all(autotune: bool) -> Vec<Self> {
        let list = Arc::new(Adapters::list());
        let kernels = match autotune {
            true => Kernels::Tried,
            false => Kernels::OfVendor,
        };
        let descriptions = list.describe().into_iter().enumerate();
        let rung = |(index, description)| Self {
            list: Arc::clone(&list),
            index,
            description,
            kernels,
        };
        descriptions.map(rung).collect()
    }

    /// The same GPU, where it computes in 16-bit floats, without the kernels that round rows to them, to
    /// stand in when those are wrong. `None` where there are none to leave out.
    #[must_use]
    pub fn of_whole_rows(&self) -> Option<Self> {
        let has_f16 = self.description.features.contains(&"shader-f16");
        let rung = || Self {
            kernels: Kernels::OfWholeRows,
            ..self.clone()
        };
        (self.kernels == Kernels::Tried && has_f16).then(rung)
    }

    /// The same GPU with the kernels that ask least of it, to stand in when the others are wrong:
    /// 32-bit floats and exact integers from buffers.
    #[must_use]
    pub fn plainest(&self) -> Self {
        Self {
            kernels: Kernels::Plainest,
            ..self.clone()
        }
    }

    /// What it is and what it offers.
    #[must_use]
    pub fn description(&self) -> &AdapterDescription {
        &self.description
    }
}

impl Rung for GpuRung {
    fn name(&self) -> String {
        match self.kernels {
            Kernels::OfWholeRows => format!("wgpu {}, rows in 32 bits", self.description),
            Kernels::Plainest => format!("wgpu {}, plainest kernels", self.description),
            Kernels::Tried | Kernels::OfVendor => format!("wgpu {}", self.description),
        }
    }

    fn kind(&self) -> &'static str {
        "wgpu"
    }

    fn device(&self) -> String {
        self.description.name.clone()
    }

    fn identity(&self) -> String {
        let features = self.description.features.join(" ");
        let (limits, kernels) = (&self.description.limits, self.kernels);
        format!("{} {features} {limits:?} {kernels:?}", self.name())
    }

    fn stands_in(&self) -> bool {
        matches!(self.kernels, Kernels::OfWholeRows | Kernels::Plainest)
    }

    fn encoder<'m>(&self, model: &Model<'m>) -> Result<Encoder<'m>, String> {
        let plan = Plan::new(model.manifest()).map_err(|error| error.to_string())?;
        let choice = Choice::Index(self.index);
        let gpu = self.list.open(&choice, &Requirements::Plan(&plan));
        let gpu = gpu.map_err(|error| error.to_string())?;
        let folder = cache_folder();
        let tuning = match self.kernels {
            Kernels::Tried => Tuning::Measured(folder.as_deref()),
            Kernels::OfWholeRows => Tuning::WholeRows(folder.as_deref()),
            Kernels::OfVendor => Tuning::VendorOrder,
            Kernels::Plainest => Tuning::Plainest,
        };
        let backend = WgpuBackend::new(&gpu, model, &plan, tuning);
        let backend = backend.map_err(|error| error.to_string())?;
        Ok(Encoder::new(model, &plan, Box::new(backend)))
    }
}
