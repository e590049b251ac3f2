//! The same as `gpu`, for builds without it: there is no adapter.

use mimlet_format::Model;
use mimlet_runtime::Encoder;

use crate::adapter::AdapterInfo;
use crate::error::Error;

/// No value of this type exists.
#[derive(Debug, Clone)]
pub(crate) enum Adapter {}

impl Adapter {
    pub(crate) fn name(&self) -> &str {
        match *self {}
    }

    pub(crate) fn is_software(&self) -> bool {
        match *self {}
    }

    pub(crate) fn info(&self) -> AdapterInfo {
        match *self {}
    }

    pub(crate) fn encoder<'m>(&self, _model: &Model<'m>) -> Result<Encoder<'m>, Error> {
        match *self {}
    }
}

/// None.
pub(crate) fn adapters(_autotune: bool) -> Vec<Adapter> {
    Vec::new()
}
