//! A float model as importers hand it over: every tensor by its role, nothing quantised yet.

use crate::ExportError;
use mimlet_format::limits::{MAX_DEPTH, MAX_DIM, MAX_IMAGE_SIDE, MAX_TOKENS};
use mimlet_format::{
    AcceptanceTest, Codebook, EncoderConfig, Manifest, Preprocess, Provenance, Resample, Scheme,
    TensorRole, Thresholds, expected_shape, required_roles,
};
use std::collections::BTreeMap;

/// Mean of ImageNet's red, green and blue, in units of 0..1 (torchvision's references).
pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Standard deviation of ImageNet's red, green and blue, in units of 0..1.
pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// An encoder in f32, ready to be exported.
#[derive(Debug, Clone, PartialEq)]
pub struct FloatModel {
    /// Shape of the encoder.
    pub encoder: EncoderConfig,
    /// Its tensors.
    pub weights: FloatWeights,
    /// What the checkpoint says of its preprocessing.
    pub preprocess: PreprocessHints,
    /// Name, for people: the checkpoint's file name without its extension, or its folder's name.
    pub name: String,
    /// File name of the checkpoint, or the command that made the weights.
    pub source: String,
    /// BLAKE3 of the checkpoint's bytes; zeros when there was none.
    pub source_hash: [u8; 32],
    /// Licence of the weights, as the checkpoint states it.
    pub licence: Option<String>,
    /// Names of the checkpoint's tensors that an encoder has no use for: decoder, head, optimiser.
    pub ignored: Vec<String>,
    /// What a user should know of how it was read: which positions were resampled, say.
    pub notes: Vec<String>,
}

/// What a checkpoint says of its preprocessing; what it leaves open is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PreprocessHints {
    /// Short side after the resize, pixels.
    pub resize_short_side: Option<u32>,
    /// Per-channel mean, in units of 0..1.
    pub mean: Option<[f32; 3]>,
    /// Per-channel standard deviation, in units of 0..1.
    pub std: Option<[f32; 3]>,
}

impl PreprocessHints {
    /// Fills what is open: ImageNet's mean and standard deviation, and a short side in torchvision's
    /// proportion of resize to crop, 256 to 224, rounded down.
    ///
    /// ```
    /// let preprocess = mimlet_export::PreprocessHints::default().resolve([224, 224]);
    /// assert_eq!(preprocess.resize_short_side, 256);
    /// assert_eq!(preprocess.mean, mimlet_export::IMAGENET_MEAN);
    /// ```
    #[must_use]
    pub fn resolve(&self, image_size: [u32; 2]) -> Preprocess {
        let side = u64::from(image_size[0].max(image_size[1]));
        let resize = u32::try_from(side * 256 / 224).unwrap_or(u32::MAX);
        Preprocess {
            resize_short_side: self.resize_short_side.unwrap_or(resize),
            resample: Resample::Bicubic,
            mean: self.mean.unwrap_or(IMAGENET_MEAN),
            std: self.std.unwrap_or(IMAGENET_STD),
        }
    }
}

/// A model's tensors in f32, row-major, by role. The token table is folded: class token and
/// registers with their positions, then patch positions plus the patch embedding's bias.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FloatWeights {
    tensors: BTreeMap<TensorRole, Vec<f32>>,
}

impl FloatWeights {
    /// Puts a tensor in, in place of any of the same role.
    pub fn insert(&mut self, role: TensorRole, values: Vec<f32>) {
        self.tensors.insert(role, values);
    }

    /// A tensor's values; empty when it is absent, which [`FloatModel::check`] refuses.
    #[must_use]
    pub fn get(&self, role: TensorRole) -> &[f32] {
        self.tensors.get(&role).map_or(&[], Vec::as_slice)
    }

    /// A tensor's values, to be changed.
    pub fn get_mut(&mut self, role: TensorRole) -> Option<&mut Vec<f32>> {
        self.tensors.get_mut(&role)
    }
}

/// A model's tensors as an export reads them: lent for other uses, or given to be freed one by one.
#[derive(Debug)]
pub(crate) enum Weights<'m> {
    /// Stays whole.
    Lent(&'m FloatWeights),
    /// What has been taken is gone.
    Given(FloatWeights),
}

impl Weights<'_> {
    /// A tensor's values.
    pub(crate) fn get(&self, role: TensorRole) -> &[f32] {
        match self {
            Self::Lent(weights) => weights.get(role),
            Self::Given(weights) => weights.get(role),
        }
    }

    /// A tensor's values, for the last time where the tensors were given.
    pub(crate) fn take(&mut self, role: TensorRole) -> Vec<f32> {
        match self {
            Self::Lent(weights) => weights.get(role).to_vec(),
            Self::Given(weights) => weights.tensors.remove(&role).unwrap_or_default(),
        }
    }
}

impl FloatModel {
    /// Checks that the configuration is possible and every tensor is there, in its size, with finite
    /// values.
    ///
    /// # Errors
    /// [`ExportError::Config`], [`ExportError::WrongLength`] or [`ExportError::NotFinite`].
    pub fn check(&self) -> Result<(), ExportError> {
        check_encoder(&self.encoder)?;
        let manifest = manifest_of(&self.encoder, None);
        for role in required_roles(&manifest).filter(|role| !matches!(role, TensorRole::Golden(_)))
        {
            let values = self.weights.get(role);
            let expected = element_count(role, &manifest);
            if values.len() != expected {
                let found = values.len();
                return Err(ExportError::WrongLength {
                    role,
                    found,
                    expected,
                });
            }
            check_finite(&role.to_string(), values)?;
        }
        Ok(())
    }
}

/// Refuses NaN and infinities.
pub(crate) fn check_finite(name: &str, values: &[f32]) -> Result<(), ExportError> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(index) => Err(ExportError::NotFinite {
            name: name.to_owned(),
            index,
            value: values[index],
        }),
    }
}

/// Values in the tensor of a role, by a checked configuration.
pub(crate) fn element_count(role: TensorRole, manifest: &Manifest) -> usize {
    let shape = expected_shape(role, manifest).unwrap_or_default();
    shape.iter().map(|&side| side as usize).product()
}

/// A manifest with nothing but a shape in it: what [`expected_shape`] asks for.
pub(crate) fn manifest_of(encoder: &EncoderConfig, codebook: Option<Codebook>) -> Manifest {
    Manifest {
        encoder: encoder.clone(),
        preprocess: PreprocessHints::default().resolve(encoder.image_size),
        codebook,
        acceptance: AcceptanceTest {
            images: 1,
            labels: Vec::new(),
            class_names: Vec::new(),
            thresholds: Thresholds {
                min_cosine: 0.0,
                min_token_agreement: 0.0,
                wide_margin: 0.0,
                max_wide_margin_flips: 0,
                max_tcas: None,
            },
            own: None,
        },
        provenance: Provenance {
            name: String::new(),
            producer: String::new(),
            source: String::new(),
            source_hash: [0; 32],
            scheme: Scheme::F32,
            licence: None,
        },
        ranges: Vec::new(),
        drift: None,
        tensors: Vec::new(),
    }
}

/// Holds a configuration to the format's bounds before anything is computed with it.
pub(crate) fn check_encoder(encoder: &EncoderConfig) -> Result<(), ExportError> {
    let [height, width] = encoder.image_size;
    bounded("image_size", height, MAX_IMAGE_SIDE)?;
    bounded("image_size", width, MAX_IMAGE_SIDE)?;
    bounded("patch_size", encoder.patch_size, height.min(width).min(256))?;
    bounded("embed_dim", encoder.embed_dim, MAX_DIM)?;
    bounded("depth", encoder.depth, MAX_DEPTH)?;
    bounded("num_heads", encoder.num_heads, encoder.embed_dim)?;
    bounded("mlp_dim", encoder.mlp_dim, MAX_DIM)?;
    divides("image_size", height, "patch_size", encoder.patch_size)?;
    divides("image_size", width, "patch_size", encoder.patch_size)?;
    divides(
        "embed_dim",
        encoder.embed_dim,
        "num_heads",
        encoder.num_heads,
    )?;
    // 16,384 pixels a side cannot overflow u32 here; registers can.
    let tokens = u64::from(encoder.patches()) + 1 + u64::from(encoder.register_tokens);
    let tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
    bounded("the number of tokens", tokens, MAX_TOKENS)?;
    let eps = encoder.layer_norm_eps;
    if eps.is_finite() && eps > 0.0 {
        return Ok(());
    }
    Err(ExportError::Config {
        field: "layer_norm_eps",
        reason: format!("is {eps}; it must be finite and above 0"),
    })
}

fn bounded(field: &'static str, found: u32, max: u32) -> Result<(), ExportError> {
    if (1..=max).contains(&found) {
        return Ok(());
    }
    Err(ExportError::Config {
        field,
        reason: format!("is {found}; it must be 1 to {max}"),
    })
}

fn divides(
    field: &'static str,
    found: u32,
    divisor_field: &'static str,
    divisor: u32,
) -> Result<(), ExportError> {
    if found.is_multiple_of(divisor) {
        return Ok(());
    }
    Err(ExportError::Config {
        field,
        reason: format!("is {found}; it must be a multiple of {divisor_field}, {divisor}"),
    })
}
