//! What `mimlet inspect` prints, with the keys that scripts rely on.

use std::path::Path;

use mimlet_export::{Refusal, Target};
use mimlet_format::{
    ActivationRange, Codebook, DriftReference, EncoderConfig, Manifest, Model, OwnAnswers,
    Preprocess, Provenance, SIGNATURE_LEN, Scheme, TensorRole, TensorView, Thresholds, VERSION,
};
use mimlet_runtime::Plan;
use serde::Serialize;

use super::View;
use super::range::Range;
use crate::error::Error;
use crate::progress::Progress;
use crate::targets;
use crate::units::hex;

/// What is read of each tensor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Depth {
    pub(super) hashes: bool,
    pub(super) ranges: bool,
}

/// What `mimlet inspect` prints.
#[derive(Debug, Serialize)]
pub(super) struct Report<'m> {
    pub(super) file: String,
    pub(super) version: u16,
    pub(super) bytes: u64,
    pub(super) hash: String,
    /// The public key that the file claims to be signed with.
    pub(super) signed_by: Option<String>,
    pub(super) config: &'m EncoderConfig,
    pub(super) preprocess: &'m Preprocess,
    pub(super) codebook: Option<&'m Codebook>,
    pub(super) acceptance: Acceptance<'m>,
    pub(super) provenance: Source<'m>,
    pub(super) memory: Memory,
    /// What drift is measured against.
    pub(super) drift: Option<&'m DriftReference>,
    /// How large numbers became in each layer on the calibration images.
    pub(super) activations: Vec<Activation>,
    pub(super) targets: Vec<Fit>,
    pub(super) tensors: Vec<Tensor>,
    #[serde(skip)]
    pub(super) view: View,
}

#[derive(Debug, Serialize)]
pub(super) struct Acceptance<'m> {
    pub(super) images: u32,
    pub(super) labels: &'m [u32],
    pub(super) class_names: &'m [String],
    pub(super) thresholds: &'m Thresholds,
    pub(super) own: Option<&'m OwnAnswers>,
}

/// [`Provenance`] with its hash in hexadecimal.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct Source<'m> {
    pub(super) name: &'m str,
    pub(super) producer: &'m str,
    pub(super) source: &'m str,
    pub(super) source_hash: String,
    pub(super) scheme: Scheme,
    pub(super) licence: Option<&'m str>,
}

/// What running the model takes, by its plan.
#[derive(Debug, Serialize)]
pub(super) struct Memory {
    pub(super) weight_bytes: u64,
    pub(super) activation_bytes: u64,
    /// The largest tensor or buffer, which a GPU binds at once, or a weight in parts.
    pub(super) largest_binding_bytes: u64,
}

/// [`ActivationRange`] with its layer's name.
#[derive(Debug, Serialize)]
pub(super) struct Activation {
    pub(super) layer: String,
    pub(super) max_input: f32,
    pub(super) max_output: f32,
}

impl Activation {
    fn new(range: &ActivationRange) -> Self {
        Self {
            layer: range.role.to_string(),
            max_input: range.max_input,
            max_output: range.max_output,
        }
    }

    /// The larger of both.
    pub(super) fn most(&self) -> f32 {
        self.max_input.max(self.max_output)
    }
}

/// Whether the file fits a target.
#[derive(Debug, Serialize)]
pub(super) struct Fit {
    pub(super) name: String,
    pub(super) fits: bool,
    /// The limits it exceeds.
    pub(super) refusals: Vec<Refusal>,
}

#[derive(Debug, Serialize)]
pub(super) struct Tensor {
    pub(super) role: String,
    pub(super) dtype: String,
    pub(super) layout: String,
    pub(super) shape: Vec<u32>,
    pub(super) offset: u64,
    pub(super) bytes: u64,
    /// BLAKE3 of the stored bytes, hexadecimal; `None` when it was not asked for.
    pub(super) hash: Option<String>,
    /// What values it has; `None` when that was not asked for.
    pub(super) range: Option<Range>,
    #[serde(skip)]
    pub(super) place: TensorRole,
}

impl<'m> Report<'m> {
    pub(super) fn new(
        file: &Path,
        model: &'m Model<'_>,
        depth: Depth,
        view: View,
        progress: &Progress,
    ) -> Result<Self, Error> {
        let manifest = model.manifest();
        let plan = Plan::new(manifest)?;
        let signature = model.signature().map_or(0, |_| SIGNATURE_LEN);
        let bytes = (model.bytes().len() + signature) as u64;
        let tensors = model.tensors().map(|view| {
            progress.step();
            Tensor::new(model, &view, depth)
        });
        Ok(Self {
            file: file.display().to_string(),
            version: VERSION,
            bytes,
            hash: hex(&model.hash()),
            signed_by: model.signature().map(|block| hex(&block.key)),
            config: &manifest.encoder,
            preprocess: &manifest.preprocess,
            codebook: manifest.codebook.as_ref(),
            acceptance: Acceptance::new(manifest),
            provenance: Source::new(&manifest.provenance),
            memory: Memory::new(manifest, &plan),
            drift: manifest.drift.as_ref(),
            activations: manifest.ranges.iter().map(Activation::new).collect(),
            targets: targets::known()
                .into_iter()
                .map(|target| Fit::new(target, manifest, &plan, bytes))
                .collect(),
            tensors: tensors.collect(),
            view,
        })
    }
}

impl<'m> Acceptance<'m> {
    fn new(manifest: &'m Manifest) -> Self {
        let test = &manifest.acceptance;
        Self {
            images: test.images,
            labels: &test.labels,
            class_names: &test.class_names,
            thresholds: &test.thresholds,
            own: test.own.as_ref(),
        }
    }
}

impl<'m> Source<'m> {
    pub(in crate::commands) fn new(provenance: &'m Provenance) -> Self {
        Self {
            name: &provenance.name,
            producer: &provenance.producer,
            source: &provenance.source,
            source_hash: hex(&provenance.source_hash),
            scheme: provenance.scheme,
            licence: provenance.licence.as_deref(),
        }
    }
}

impl Memory {
    fn new(manifest: &Manifest, plan: &Plan) -> Self {
        let weights = manifest
            .tensors
            .iter()
            .filter(|entry| !matches!(entry.role, TensorRole::Golden(_)))
            .map(|entry| entry.length);
        let buffers = plan.buffers().iter().map(|buffer| buffer.bytes());
        Self {
            weight_bytes: plan.weight_bytes(),
            activation_bytes: plan.activation_bytes(),
            largest_binding_bytes: weights.chain(buffers).max().unwrap_or(0),
        }
    }
}

impl Fit {
    fn new(target: Target, manifest: &Manifest, plan: &Plan, bytes: u64) -> Self {
        let refusals = target.refusals(manifest, plan, bytes);
        Self {
            name: target.name,
            fits: refusals.is_empty(),
            refusals,
        }
    }
}

impl Tensor {
    fn new(model: &Model<'_>, view: &TensorView<'_, '_>, depth: Depth) -> Self {
        let entry = view.entry;
        Self {
            role: entry.role.to_string(),
            dtype: entry.dtype.to_string(),
            layout: entry.layout.to_string(),
            shape: entry.shape.clone(),
            offset: entry.offset,
            bytes: entry.length,
            hash: depth
                .hashes
                .then(|| blake3::hash(view.bytes).to_hex().to_string()),
            range: depth.ranges.then(|| Range::of(model, view)),
            place: entry.role,
        }
    }
}
