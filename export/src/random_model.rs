//! Models and codebooks without a checkpoint, for work on latency and on quantisation.

use crate::float_run::FloatRun;
use crate::model::{
    FloatModel, FloatWeights, PreprocessHints, Weights, element_count, manifest_of,
};
use crate::random::Random;
use crate::random_outliers::add_outliers;
use crate::{ExportError, FloatCodebook, synthetic_golden};
use mimlet_format::{
    Activation, BlockTensor, CodebookSpace, EncoderConfig, LinearPart, NormPart, TensorRole,
    expected_shape, required_roles,
};
use rayon::prelude::*;

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
/// standard deviation (Glorot and Bengio 2010), positions and class token as in MAE, small biases;
/// and with the outliers that training brings, which are what quantisation has to cope with: uneven
/// norm gains, and a few channels of the residual stream far above the others, most of all in the
/// class token (Sun et al. 2024, arXiv 2402.17762; Darcet et al. 2023, arXiv 2309.16588).
///
/// An `image_size` that is no multiple of 16 gives a model that [`FloatModel::check`] refuses.
#[must_use]
pub fn random(arch: Arch, image_size: u32, seed: u64) -> FloatModel {
    let name = arch.name();
    let mut model = random_of(arch.encoder(image_size), seed);
    add_outliers(&mut model, seed);
    FloatModel {
        name: name.to_owned(),
        source: format!("mimlet new --arch {name} --image-size {image_size} --seed {seed}"),
        ..model
    }
}

/// As [`random`], of any shape, without outliers.
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
        notes: Vec::new(),
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

/// Synthetic images that a random codebook is drawn from.
const CODEBOOK_IMAGES: usize = 16;

/// Rounds of k-means over those images' features.
const CODEBOOK_ROUNDS: usize = 8;

/// A codebook for a model: k-means (Lloyd 1982) over its own patch features of synthetic images,
/// started from features drawn far apart (k-means++: Arthur and Vassilvitskii 2007).
///
/// # Errors
/// [`ExportError::Config`] when `size` is below 2 or above the number of features, or the model is
/// unusable.
pub fn random_codebook(
    model: &FloatModel,
    size: u32,
    seed: u64,
) -> Result<FloatCodebook, ExportError> {
    model.check()?;
    let encoder = &model.encoder;
    let images = synthetic_golden(encoder.image_size, CODEBOOK_IMAGES, seed);
    let images: Vec<&[u8]> = images.iter().map(|image| &image.pixels[..]).collect();
    let preprocess = model.preprocess.resolve(encoder.image_size);
    let weights = Weights::Lent(&model.weights);
    let mut run = FloatRun::new(encoder, &weights, &preprocess, &images, (0..0, 0));
    for layer in 0..encoder.depth {
        run.block(&weights, layer);
    }
    let (answers, _) = run.answers(&weights, images.len(), None);
    let dim = encoder.embed_dim as usize;
    let features: Vec<&[f32]> = answers
        .iter()
        .flat_map(|answer| answer.patches.chunks_exact(dim))
        .collect();
    if size < 2 || size as usize > features.len() {
        return Err(ExportError::Config {
            field: "codebook size",
            reason: format!(
                "is {size}; it must be 2 to {} for this model",
                features.len()
            ),
        });
    }
    let mut random = Random::named(seed, "codebook");
    Ok(FloatCodebook {
        space: CodebookSpace::Features,
        centroids: cluster(&features, size as usize, &mut random),
        size,
        dim: encoder.embed_dim,
        normalisation: None,
        teacher_hash: None,
    })
}

/// K-means centroids of `rows`, `[count, dim]`. A cluster that loses its last row keeps its centroid.
fn cluster(rows: &[&[f32]], count: usize, random: &mut Random) -> Vec<f32> {
    let dim = rows[0].len();
    let mut centroids = draw_apart(rows, count, random);
    for _ in 0..CODEBOOK_ROUNDS {
        let nearest: Vec<usize> = rows
            .par_iter()
            .map(|row| {
                let distances = centroids.chunks_exact(dim).map(|c| square_distance(row, c));
                let best = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
                best.map_or(0, |(index, _)| index)
            })
            .collect();
        let mut sums = vec![0.0_f64; centroids.len()];
        let mut members = vec![0_u32; count];
        for (row, &cluster) in rows.iter().zip(&nearest) {
            members[cluster] += 1;
            for (sum, &value) in sums[cluster * dim..].iter_mut().zip(*row) {
                *sum += f64::from(value);
            }
        }
        for (index, centroid) in centroids.iter_mut().enumerate() {
            if members[index / dim] > 0 {
                *centroid = (sums[index] / f64::from(members[index / dim])) as f32;
            }
        }
    }
    centroids
}

/// `count` of `rows`, one after the other, far from those already drawn.
fn draw_apart(rows: &[&[f32]], count: usize, random: &mut Random) -> Vec<f32> {
    let mut nearest = vec![f64::INFINITY; rows.len()];
    let mut drawn = Vec::new();
    let mut next = (random.unit() * rows.len() as f64) as usize;
    for _ in 0..count {
        drawn.extend_from_slice(rows[next]);
        for (nearest, row) in nearest.iter_mut().zip(rows) {
            *nearest = nearest.min(square_distance(row, rows[next]));
        }
        let total: f64 = nearest.iter().sum();
        let mut left = random.unit() * total;
        let hit = nearest.iter().position(|share| {
            left -= share;
            left < 0.0
        });
        next = hit.unwrap_or(next); // All rows are drawn or equal to a drawn one.
    }
    drawn
}

fn square_distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum()
}

/// Models small enough for tests.
#[cfg(test)]
pub(crate) mod small {
    use super::random_of;
    use crate::FloatModel;
    use mimlet_format::{Activation, BlockTensor, EncoderConfig, LinearPart, NormPart, TensorRole};

    /// Odd sizes: 3 heads of 10, and no width a multiple of 16.
    pub(crate) const SHAPE: EncoderConfig = EncoderConfig {
        image_size: [24, 32],
        patch_size: 8,
        embed_dim: 30,
        depth: 3,
        num_heads: 3,
        mlp_dim: 70,
        register_tokens: 1,
        layer_norm_eps: 1e-6,
        activation: Activation::Gelu,
    };

    /// Random weights.
    pub(crate) fn plain(seed: u64) -> FloatModel {
        random_of(SHAPE, seed)
    }

    /// The same with two channels of each norm a hundred times as strong, and the weights that they
    /// meet a hundred times as small: the same function, as trained ViTs often have it.
    pub(crate) fn with_outliers(seed: u64) -> FloatModel {
        let mut model = plain(seed);
        let dim = SHAPE.embed_dim as usize;
        for layer in 0..SHAPE.depth {
            let mut scale = |tensor, factor: f32| {
                let role = TensorRole::Block { layer, tensor };
                for row in model.weights.get_mut(role).unwrap().chunks_exact_mut(dim) {
                    row[3] *= factor;
                    row[17] *= factor;
                }
            };
            for norm in [BlockTensor::Norm1, BlockTensor::Norm2] {
                scale(norm(NormPart::Weight), 100.0);
                scale(norm(NormPart::Bias), 100.0);
            }
            for linear in [BlockTensor::Qkv, BlockTensor::Fc1] {
                scale(linear(LinearPart::Weight), 0.01);
            }
        }
        model
    }
}
