//! The GPUs of this machine, through wgpu.

use std::env;
use std::path::PathBuf;
use std::rc::Rc;

use mimlet_format::Model;
use mimlet_runtime::{Encoder, Plan};
use mimlet_wgpu::{AdapterDescription, Adapters, Choice, Requirements, Tuning, WgpuBackend};

use crate::adapter::AdapterInfo;
use crate::error::Error;

/// A GPU, not opened yet.
#[derive(Debug, Clone)]
pub(crate) struct Adapter {
    list: Rc<Adapters>,
    index: usize,
    description: AdapterDescription,
    autotune: bool,
}

impl Adapter {
    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        &self.description.name
    }

    /// Whether it computes on the CPU.
    pub(crate) fn is_software(&self) -> bool {
        self.description.is_software()
    }

    /// What it is and what it offers.
    pub(crate) fn info(&self) -> AdapterInfo {
        let description = self.description.clone();
        AdapterInfo {
            name: description.name,
            interface: description.backend,
            kind: description.kind,
            driver: description.driver,
            driver_info: description.driver_info,
            limits: description.limits.into(),
            features: description.features,
        }
    }

    /// Opens it for a model, with the limits that the model needs.
    ///
    /// # Errors
    /// When the model does not fit it, or the driver refuses.
    pub(crate) fn encoder<'m>(&self, model: &Model<'m>) -> Result<Encoder<'m>, Error> {
        let plan = Plan::new(model.manifest())?;
        let choice = Choice::Index(self.index);
        let gpu = self.list.open(&choice, &Requirements::Plan(&plan))?;
        let folder = choices_folder();
        let tuning = if self.autotune {
            Tuning::Measured(folder.as_deref())
        } else {
            Tuning::VendorOrder
        };
        let backend = WgpuBackend::new(&gpu, model, &plan, tuning)?;
        Ok(Encoder::new(model, &plan, Box::new(backend)))
    }
}

/// Where the kernels that were found fastest are kept: `MIMLET_CACHE`, or the user's cache folder.
fn choices_folder() -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    let user = || {
        let own = set("XDG_CACHE_HOME").or_else(|| set("LOCALAPPDATA"));
        let own = own.map(PathBuf::from);
        let home = || set("HOME").map(|home| PathBuf::from(home).join(".cache"));
        own.or_else(home).map(|cache| cache.join("mimlet"))
    };
    set("MIMLET_CACHE").map(PathBuf::from).or_else(user)
}

/// The GPUs, hardware before software; whether each of their kernels is chosen by trying those there
/// are.
pub(crate) fn adapters(autotune: bool) -> Vec<Adapter> {
    let list = Rc::new(Adapters::list());
    let descriptions = list.describe().into_iter().enumerate();
    let adapter = |(index, description)| Adapter {
        list: Rc::clone(&list),
        index,
        description,
        autotune,
    };
    descriptions.map(adapter).collect()
}
