//! Codebooks over a set of images.

use std::path::Path;

use burn::tensor::Device;
use indicatif::ProgressBar;

use super::baseline;
use super::file::{Codebook, Space};
use super::normalise::Normalise;
use super::vectors::{PatchVectors, for_each_patches};
use crate::collective::{Collective, Solo};
use crate::config::{CodebookConfig, ModelConfig, SpaceKind};
use crate::data::Source;
use crate::encoder::EncoderFile;
use crate::error::TrainError;
use crate::kmeans::{Cached, Job, Options, Rows, cluster};
use crate::random::Stream;
use crate::tokenizer;

/// A codebook to make.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// How.
    pub config: &'a CodebookConfig,
    /// How images become patches; with an encoder its own is used.
    pub model: &'a ModelConfig,
    /// The images.
    pub source: &'a dyn Source,
    /// Whose features are clustered; without it pixels.
    pub encoder: Option<&'a Path>,
    /// Where features and distances are computed.
    pub device: &'a Device,
    /// The processes that share the work.
    pub collective: &'a dyn Collective,
    /// Where k-means saves its state now and then.
    pub state: Option<&'a Path>,
    /// Go on from the saved state.
    pub resume: bool,
    /// Stop after this many steps in all.
    pub stop_after: Option<usize>,
    /// Steps done.
    pub progress: &'a ProgressBar,
}

/// A codebook and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Built {
    /// The codebook.
    pub codebook: Codebook,
    /// Mean squared distance of a vector to its centroid; `None` where nothing is clustered.
    pub inertia: Option<f64>,
    /// Patches.
    pub vectors: usize,
    /// Mini-batches or passes.
    pub steps: usize,
}

/// Makes the codebook; `None` when it stopped at [`Request::stop_after`], its state saved.
///
/// # Errors
/// [`TrainError::Config`] when the request contradicts itself or the encoder, or there are too few
/// patches; as [`EncoderFile::open`] and [`cluster`].
pub fn build(request: &Request<'_>) -> Result<Option<Built>, TrainError> {
    let config = request.config;
    let wrong = |reason: &str| Err(TrainError::Config(reason.into()));
    let kind = config.space.unwrap_or(match request.encoder {
        Some(_) => SpaceKind::Features,
        None => SpaceKind::Pixels,
    });
    match (kind, request.encoder) {
        (SpaceKind::Features, None) => {
            return wrong("codebook.space features needs --encoder");
        }
        (SpaceKind::Pixels | SpaceKind::RandomProjection | SpaceKind::Labels, Some(_)) => {
            return wrong("--encoder is for codebook.space features only; leave one out");
        }
        (SpaceKind::Features, Some(_)) => {}
        (_, None) if config.layer.is_some() => {
            return wrong("codebook.layer is for codebook.space features only");
        }
        (_, None) => {}
    }
    match kind {
        SpaceKind::Features | SpaceKind::Pixels => clustered(request),
        SpaceKind::RandomProjection => {
            counted(request, baseline::random_projection(config, request.model)).map(Some)
        }
        SpaceKind::Labels => {
            let classes = request.source.class_names().len();
            counted(request, baseline::labels(classes, request.model)).map(Some)
        }
    }
}

/// K-means over the normalised pixel patches of some images, on the CPU: the codebook and its
/// inertia.
///
/// # Errors
/// As [`build`].
pub fn pixel_codebook(
    config: &CodebookConfig,
    model: &ModelConfig,
    source: &dyn Source,
) -> Result<(Codebook, f64), TrainError> {
    let built = build(&Request {
        config: &CodebookConfig {
            space: Some(SpaceKind::Pixels),
            ..config.clone()
        },
        model,
        source,
        encoder: None,
        device: &Device::flex(),
        collective: &Solo,
        state: None,
        resume: false,
        stop_after: None,
        progress: &ProgressBar::hidden(),
    })?;
    let built = built.and_then(|built| Some((built.codebook, built.inertia?)));
    built.ok_or_else(|| TrainError::Config("the codebook was not finished".into()))
}

/// The images to take, in their order: drawn at random, as folders are sorted by class.
fn drawn(config: &CodebookConfig, source: &dyn Source) -> Vec<usize> {
    let mut indices: Vec<usize> = (0..source.len()).collect();
    if config.images < indices.len() {
        Stream::new(&[0x0069_6d61_6765, config.seed]).shuffle(&mut indices);
        indices.truncate(config.images);
        indices.sort_unstable();
    }
    indices
}

fn clustered(request: &Request<'_>) -> Result<Option<Built>, TrainError> {
    let config = request.config;
    let encoder = match request.encoder {
        Some(path) => Some(
            EncoderFile::open(path, request.model, request.device)?
                .at_layer(config.layer)?
                .for_input(request.model)?,
        ),
        None => None,
    };
    let vectors = PatchVectors {
        source: request.source,
        images: drawn(config, request.source),
        model: encoder
            .as_ref()
            .map_or(request.model, |encoder| &encoder.model),
        encoder: encoder.as_ref(),
        normalise: config.normalise,
    };
    let cached = Cached::new(&vectors);
    // A process keeps its own share only.
    let bytes = vectors.len() / request.collective.world() * vectors.dim() * size_of::<f32>();
    let fits = bytes <= config.memory_mib.saturating_mul(1 << 20);
    let rows: &dyn Rows = if fits { &cached } else { &vectors };
    let model = vectors.model;
    let hash = encoder.as_ref().map(|encoder| encoder.hash.clone());
    // The number of images stands for the set: its files are not hashed.
    let id = format!(
        "{config:?} {model:?} {hash:?} {} images",
        request.source.len()
    );
    let clusters = cluster(&Job {
        options: &options(config),
        rows,
        device: request.device,
        collective: request.collective,
        state: request.state,
        id: &id,
        resume: request.resume,
        stop_after: request.stop_after,
        progress: request.progress,
    })?;
    Ok(clusters.map(|clusters| Built {
        codebook: Codebook {
            centers: clusters.centers,
            counts: clusters.counts.iter().map(|&count| count as f32).collect(),
            dim: rows.dim(),
            space: hash.map_or(Space::Pixels, |teacher_hash| Space::Features {
                teacher_hash,
            }),
            normalise: config.normalise,
            layer: config.layer,
            patch_size: model.patch_size,
            mean: model.mean,
            std: model.std,
        },
        inertia: Some(clusters.inertia),
        vectors: rows.len(),
        steps: clusters.steps,
    }))
}

fn options(config: &CodebookConfig) -> Options {
    Options {
        clusters: config.tokens,
        algorithm: config.algorithm,
        batch: config.batch,
        passes: config.passes,
        patience: config.patience,
        tolerance: config.tolerance,
        spherical: config.normalise == Normalise::L2,
        seed: config.seed,
    }
}

/// `codebook` with the counts of its tokens over the images.
fn counted(request: &Request<'_>, codebook: Codebook) -> Result<Built, TrainError> {
    let (model, collective) = (request.model, request.collective);
    let tokenizer = tokenizer::open(&codebook, None, model, request.device)?;
    let drawn = drawn(request.config, request.source);
    let (rank, world) = (collective.rank(), collective.world());
    let own: Vec<usize> = drawn.iter().copied().skip(rank).step_by(world).collect();
    let mut counts = vec![0u64; codebook.tokens()];
    request.progress.set_length(own.len() as u64);
    for_each_patches(request.source, model, &own, |patches, labels| {
        for token in tokenizer.tokenize(&patches, labels)? {
            counts[token as usize] += 1;
        }
        request.progress.inc(labels.len() as u64);
        Ok(())
    })?;
    collective.sum_u64(&mut counts)?;
    Ok(Built {
        codebook: Codebook {
            counts: counts.iter().map(|&count| count as f32).collect(),
            ..codebook
        },
        inertia: None,
        vectors: drawn.len() * model.patches(),
        steps: 0,
    })
}
