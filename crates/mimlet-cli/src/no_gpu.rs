//! The same as `gpu`, for builds without it: there is none.

use mimlet_session::Rung;

use crate::adapter::AdapterInfo;

/// None.
pub(crate) fn rungs(_autotune: bool) -> Vec<Box<dyn Rung>> {
    Vec::new()
}

/// None.
pub(crate) fn infos() -> Vec<AdapterInfo> {
    Vec::new()
}
