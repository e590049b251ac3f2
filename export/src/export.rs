//! The whole way: calibrate, quantise, pack, verify.

use crate::report::Report;
use crate::{ExportError, FloatCodebook, FloatModel, GoldenImage, Target};
use mimlet_format::{AlignedBytes, Preprocess, Scheme, Thresholds};
use std::fmt;

/// How to export a model.
pub struct ExportOptions<'a> {
    /// How the linear layers are stored.
    pub scheme: Scheme,
    /// How a photo becomes the encoder's input.
    pub preprocess: Preprocess,
    /// Images to judge and calibrate with, at the model's input size. At most 16 of them, or one per
    /// class where there are more classes, go into the file, taken class by class in turn; up to 16
    /// others calibrate. With too few the golden ones do both.
    pub golden: Vec<GoldenImage>,
    /// Names of the classes that labels point into; empty without labels.
    pub class_names: Vec<String>,
    /// What the file must reach; `None` for the scheme's own bounds.
    pub thresholds: Option<Thresholds>,
    /// A device the model must fit.
    pub target: Option<Target>,
    /// Called with the stage and how much of it is done, 0..1.
    pub progress: Option<&'a dyn Fn(&str, f32)>,
}

impl ExportOptions<'_> {
    /// A scheme and a preprocessing; everything else empty.
    #[must_use]
    pub fn new(scheme: Scheme, preprocess: Preprocess) -> Self {
        Self {
            scheme,
            preprocess,
            golden: Vec::new(),
            class_names: Vec::new(),
            thresholds: None,
            target: None,
            progress: None,
        }
    }
}

impl fmt::Debug for ExportOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportOptions")
            .field("scheme", &self.scheme)
            .field("golden", &self.golden.len())
            .finish_non_exhaustive()
    }
}

/// A file that has passed its own acceptance test, and what is known of it.
#[derive(Debug, Clone)]
pub struct Exported {
    /// The file's bytes; [`mimlet_format::write_atomically`] writes them.
    pub bytes: AlignedBytes,
    /// What the export found out.
    pub report: Report,
}

/// Exports a model.
///
/// # Errors
/// [`ExportError`].
pub fn export(
    model: &FloatModel,
    codebook: Option<&FloatCodebook>,
    options: &ExportOptions<'_>,
) -> Result<Exported, ExportError> {
    model.check()?;
    if let Some(codebook) = codebook {
        codebook.check(&model.encoder, &options.preprocess)?;
        let _ = codebook.note(model);
    }
    Err(ExportError::Config {
        field: "scheme",
        reason: format!("{:?} is not there yet", options.scheme),
    })
}
