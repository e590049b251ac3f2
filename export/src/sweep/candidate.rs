//! What a sweep tries.

use crate::pack::scheme_name;
use crate::{ExportError, ExportOptions};
use mimlet_format::Scheme;

/// One way to store a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What it is called in tables and file names.
    pub name: String,
    /// How the linear layers are stored.
    pub scheme: Scheme,
}

impl Candidate {
    /// Every candidate there is, the widest first.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let plain = |scheme| Self {
            name: scheme_name(scheme).to_owned(),
            scheme,
        };
        [Scheme::F32, Scheme::F16, Scheme::Int8, Scheme::Int4]
            .into_iter()
            .map(plain)
            .collect()
    }

    /// Those with these names, in the order of [`all`](Self::all).
    ///
    /// # Errors
    /// [`ExportError::Config`] for a name that there is not, listing those there are.
    pub fn named(names: &[String]) -> Result<Vec<Self>, ExportError> {
        let mut all = Self::all();
        let known: Vec<&str> = all
            .iter()
            .map(|candidate| candidate.name.as_str())
            .collect();
        if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(ExportError::Config {
                field: "--sweep",
                reason: format!("knows {}; it has no {unknown}", known.join(", ")),
            });
        }
        all.retain(|candidate| names.contains(&candidate.name));
        Ok(all)
    }

    /// Sets what it stands for.
    pub(super) fn apply(&self, options: &mut ExportOptions<'_>) {
        options.scheme = self.scheme;
    }
}
