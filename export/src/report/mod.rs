//! What an export found out about the file it made, as data and as a page.

mod evidence;
mod layers;
mod page;
mod sizes;

pub(crate) use evidence::Evidence;
pub use evidence::{Flip, ImageReport, MarginReport};
pub use layers::LayerReport;
pub(crate) use layers::worst;
pub use sizes::SizeReport;

use crate::model::FloatModel;
use crate::pack::PRODUCER;
use mimlet_format::Thresholds;
use mimlet_runtime::acceptance::Verdict;
use serde::Serialize;

/// What an export found out about the file it made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The model's name.
    pub name: String,
    /// How the linear layers are stored: `f32`, `f16`, `int8`.
    pub scheme: &'static str,
    /// Where the weights come from, and what packed them.
    pub origin: OriginReport,
    /// The file's length.
    pub bytes: u64,
    /// The file's identity: BLAKE3 of its content, hexadecimal.
    pub hash: String,
    /// What the file's bytes are spent on.
    pub sizes: SizeReport,
    /// Bytes of the tensors an encoder reads; the rest is the acceptance test and the manifest.
    pub weight_bytes: u64,
    /// Bytes of the buffers an encoder works on.
    pub activation_bytes: u64,
    /// Golden images in the file.
    pub golden_images: usize,
    /// Images the quantiser was calibrated on, none of them golden where there were enough.
    pub calibration_images: usize,
    /// The linear layers, in order, and how well each stands for its float original.
    pub layers: Vec<LayerReport>,
    /// The layer with the lowest signal-to-noise ratio; `None` when none has noise.
    pub worst_layer: Option<String>,
    /// What the packed file reached on its own acceptance test.
    pub verdict: VerdictReport,
    /// How it did on each golden image, in order.
    pub images: Vec<ImageReport>,
    /// How far its tokens are from changing; `None` without a codebook.
    pub margins: Option<MarginReport>,
    /// What it had to reach.
    pub thresholds: ThresholdsReport,
    /// The float model's TCAS over the golden images; `None` without labels or codebook.
    pub float_tcas: Option<f64>,
    /// Share of golden patches whose margin counts as wide, 0..1: the part of the tokens that may
    /// not flip at all. `None` without a codebook.
    pub wide_margin_share: Option<f64>,
    /// The target that the plan was held to.
    pub target: Option<String>,
    /// Side of the largest square image, pixels, at which the encoder would fit the target.
    pub target_largest_image: Option<u32>,
    /// Names of the checkpoint's tensors that were left out.
    pub ignored: Vec<String>,
    /// What a reader should know and may want to mend.
    pub notes: Vec<String>,
    /// Seconds the export took.
    pub seconds: f64,
}

/// Where a model's weights come from, and what packed them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OriginReport {
    /// Program and version that made the file.
    pub producer: String,
    /// File name of the checkpoint, or the command that made the weights.
    pub source: String,
    /// BLAKE3 of the checkpoint, hexadecimal; `None` when there was none.
    pub source_hash: Option<String>,
    /// Licence of the weights, as the checkpoint states it.
    pub licence: Option<String>,
}

/// [`Verdict`](mimlet_runtime::acceptance::Verdict), for reports.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VerdictReport {
    /// What ran.
    pub backend: String,
    /// Lowest cosine between a feature vector and its golden one.
    pub min_cosine: f64,
    /// Mean of those cosines.
    pub mean_cosine: f64,
    /// Share of patches with the golden token, 0..1.
    pub token_agreement: Option<f64>,
    /// Tokens that differ at a margin that rounding may overturn.
    pub near_tie_flips: u32,
    /// Tokens that differ at a wider margin.
    pub wide_margin_flips: u32,
    /// TCAS over the golden images.
    pub tcas: Option<f64>,
    /// What was not reached, a sentence each; empty when the file passed.
    pub failures: Vec<String>,
}

/// [`Thresholds`](mimlet_format::Thresholds), for reports.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThresholdsReport {
    /// Lowest feature cosine allowed.
    pub min_cosine: f32,
    /// Lowest token agreement allowed.
    pub min_token_agreement: f32,
    /// Golden margin from which a flip is a fault.
    pub wide_margin: f32,
    /// Flips allowed there.
    pub max_wide_margin_flips: u32,
    /// Highest TCAS allowed.
    pub max_tcas: Option<f64>,
}

impl Report {
    /// Whether the file passed its own acceptance test.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.verdict.failures.is_empty()
    }

    /// One self-contained HTML page: no script, nothing from elsewhere, and whatever came out of
    /// files escaped.
    #[must_use]
    pub fn to_html(&self) -> String {
        page::page(self)
    }
}

impl OriginReport {
    pub(crate) fn of(model: &FloatModel) -> Self {
        let hash = blake3::Hash::from(model.source_hash).to_hex().to_string();
        Self {
            producer: PRODUCER.to_owned(),
            source: model.source.clone(),
            source_hash: (model.source_hash != [0; 32]).then_some(hash),
            licence: model.licence.clone(),
        }
    }
}

impl From<&Verdict> for VerdictReport {
    fn from(verdict: &Verdict) -> Self {
        Self {
            backend: verdict.backend.clone(),
            min_cosine: verdict.min_cosine,
            mean_cosine: verdict.mean_cosine,
            token_agreement: verdict.token_agreement,
            near_tie_flips: verdict.near_tie_flips,
            wide_margin_flips: verdict.wide_margin_flips,
            tcas: verdict.tcas,
            failures: verdict.failures.clone(),
        }
    }
}

impl From<&Thresholds> for ThresholdsReport {
    fn from(thresholds: &Thresholds) -> Self {
        Self {
            min_cosine: thresholds.min_cosine,
            min_token_agreement: thresholds.min_token_agreement,
            wide_margin: thresholds.wide_margin,
            max_wide_margin_flips: thresholds.max_wide_margin_flips,
            max_tcas: thresholds.max_tcas,
        }
    }
}
