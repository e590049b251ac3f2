//! What each backend that was tried came to.

use crate::object::{object, or_null, verdict};
use crate::trial::Trial;
use wasm_bindgen::JsValue;

/// A way to run a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    WebGpu,
    Wasm,
}

impl Backend {
    /// What a page calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WebGpu => "webgpu",
            Self::Wasm => "wasm",
        }
    }
}

/// What a backend came to.
#[derive(Debug)]
pub(crate) enum Tried {
    /// It was asked for, and nobody asked whether it is right.
    Unproven(String),
    /// It ran the acceptance test.
    Tested(Trial),
    /// It did not get so far, or failed later.
    Unavailable(String),
}

impl Tried {
    /// Time of an image, milliseconds, of a backend that passed.
    pub(crate) fn passed_ms(&self) -> Option<f64> {
        match self {
            Self::Tested(trial) => trial.median_ms,
            Self::Unproven(_) | Self::Unavailable(_) => None,
        }
    }

    /// Why it cannot be taken.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Tested(trial) => trial.verdict.failures.join("; "),
            Self::Unproven(_) => String::new(),
            Self::Unavailable(reason) => reason.clone(),
        }
    }
}

impl From<Result<Trial, String>> for Tried {
    fn from(tried: Result<Trial, String>) -> Self {
        match tried {
            Ok(trial) => Self::Tested(trial),
            Err(reason) => Self::Unavailable(reason),
        }
    }
}

/// A backend that was tried; `chosen` is the one that runs.
pub(crate) fn standing(backend: Backend, tried: &Tried, chosen: Backend) -> JsValue {
    let passed = tried.passed_ms().is_some();
    let (outcome, name) = match tried {
        Tried::Unproven(name) => ("chosen", name.as_str()),
        Tried::Unavailable(_) => ("unavailable", backend.name()),
        Tried::Tested(trial) => {
            let outcome = match (passed, backend == chosen) {
                (true, true) => "chosen",
                (true, false) => "slower",
                (false, _) => "failed",
            };
            (outcome, trial.verdict.backend.as_str())
        }
    };
    let found = match tried {
        Tried::Tested(trial) => Some(verdict(&trial.verdict)),
        _ => None,
    };
    let reason = match tried {
        Tried::Unavailable(reason) => Some(reason.as_str()),
        _ => None,
    };
    object([
        ("backend", backend.name().into()),
        ("name", name.into()),
        ("outcome", outcome.into()),
        ("verdict", or_null(found)),
        ("medianMs", or_null(tried.passed_ms())),
        ("reason", or_null(reason)),
    ])
    .into()
}
