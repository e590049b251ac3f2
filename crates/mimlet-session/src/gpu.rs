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
    autotune: bool,
}

impl GpuRung {
    /// The GPUs of this machine, hardware before software; whether each of their kernels is chosen by
    /// trying those there are, or by the vendor.
    #[must_use]
    pub fn all(autotune: bool) -> Vec<Self> {
        let list = Arc::new(Adapters::list());
        let descriptions = list.describe().into_iter().enumerate();
        let rung = |(index, description)| Self {
            list: Arc::clone(&list),
            index,
            description,
            autotune,
        };
        descriptions.map(rung).collect()
    }

    /// What it is and what it offers.
    #[must_use]
    pub fn description(&self) -> &AdapterDescription {
        &self.description
    }
}

impl Rung for GpuRung {
    fn name(&self) -> String {
        format!("wgpu {}", self.description)
    }

    fn kind(&self) -> &'static str {
        "wgpu"
    }

    fn device(&self) -> String {
        self.description.name.clone()
    }

    fn identity(&self) -> String {
        let features = self.description.features.join(" ");
        let (limits, autotune) = (&self.description.limits, self.autotune);
        format!("{} {features} {limits:?} {autotune}", self.name())
    }

    fn encoder<'m>(&self, model: &Model<'m>) -> Result<Encoder<'m>, String> {
        let plan = Plan::new(model.manifest()).map_err(|error| error.to_string())?;
        let choice = Choice::Index(self.index);
        let gpu = self.list.open(&choice, &Requirements::Plan(&plan));
        let gpu = gpu.map_err(|error| error.to_string())?;
        let folder = cache_folder();
        let tuning = if self.autotune {
            Tuning::Measured(folder.as_deref())
        } else {
            Tuning::VendorOrder
        };
        let backend = WgpuBackend::new(&gpu, model, &plan, tuning);
        let backend = backend.map_err(|error| error.to_string())?;
        Ok(Encoder::new(model, &plan, Box::new(backend)))
    }
}
