//! The linear layers, one by one.

use serde::Serialize;

/// How well a stored linear layer stands for its float original, on calibration data.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerReport {
    /// The layer's weight: `blocks.3.attn.qkv.weight`.
    pub tensor: String,
    /// Element type of the weight.
    pub dtype: String,
    /// Bytes of the weight as stored.
    pub bytes: u64,
    /// Signal-to-noise ratio of the weight, decibels; `None` when it is exact.
    pub weight_snr_db: Option<f64>,
    /// Signal-to-noise ratio of the layer's outputs on float inputs, decibels; `None` when they are
    /// exact.
    pub output_snr_db: Option<f64>,
    /// Cosine between the layer's outputs and the float layer's, all rows as one vector.
    pub output_cosine: f64,
    /// Strength of the outlier migration into the weight, 0..1 (SmoothQuant's alpha); `None` when
    /// leaving the layer as it was promised a smaller error.
    pub migration: Option<f32>,
    /// Share of the weights that lie beyond the range of their scale and were clipped, 0..1.
    pub clipped_weights: f64,
    /// Largest magnitude that went into the float layer on calibration images. f16 arithmetic
    /// overflows beyond 65,504.
    pub max_input: f32,
    /// Largest magnitude that came out of it.
    pub max_output: f32,
    /// Squared error of the final features when this layer alone is stored so, relative to their
    /// squared length, on calibration images; `None` where it was not measured (every scheme but
    /// mixed).
    pub feature_error: Option<f64>,
}

/// The layer with the lowest signal-to-noise ratio of its outputs.
pub(crate) fn worst(layers: &[LayerReport]) -> Option<&LayerReport> {
    let noisy = layers
        .iter()
        .filter_map(|layer| layer.output_snr_db.map(|snr| (snr, layer)));
    noisy
        .min_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, layer)| layer)
}
