//! Codebooks that nothing is learnt for: what a learnt one has to beat.

use super::file::{Codebook, Space};
use super::normalise::Normalise;
use crate::config::{CodebookConfig, ModelConfig};
use crate::random::Stream;

/// A random projection of a patch's pixels and the nearest of random unit codewords, as BEST-RQ
/// (Chiu et al. 2022, arXiv 2202.01855, section 3.1): the projection is Xavier-uniform, codewords
/// are normal vectors of length 1, neither is trained.
pub(super) fn random_projection(config: &CodebookConfig, model: &ModelConfig) -> Codebook {
    let (inputs, dim) = (model.patch_dim(), config.projection_dim);
    let mut random = Stream::new(&[0x7072_6f6a, config.seed]);
    let bound = (6.0 / (inputs + dim) as f32).sqrt();
    let projection = (0..dim * inputs)
        .map(|_| random.range(-bound, bound))
        .collect();
    let mut centers: Vec<f32> = (0..config.tokens * dim).map(|_| random.normal()).collect();
    Normalise::L2.apply(&mut centers, dim);
    codebook(centers, dim, Space::RandomProjection { projection }, model)
        .with_normalise(config.normalise)
}

/// The class-label oracle: a patch's token is its image's class.
pub(super) fn labels(classes: usize, model: &ModelConfig) -> Codebook {
    let centers = (0..classes).map(|class| class as f32).collect();
    codebook(centers, 1, Space::Labels, model)
}

fn codebook(centers: Vec<f32>, dim: usize, space: Space, model: &ModelConfig) -> Codebook {
    Codebook {
        counts: vec![0.0; centers.len() / dim],
        centers,
        dim,
        space,
        normalise: Normalise::None,
        layer: None,
        patch_size: model.patch_size,
        mean: model.mean,
        std: model.std,
    }
}

impl Codebook {
    fn with_normalise(self, normalise: Normalise) -> Self {
        Self { normalise, ..self }
    }
}
