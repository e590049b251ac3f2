//! Every tokenizer held to its definition, on codebooks as they are built.

use std::path::PathBuf;

use burn::tensor::Device;
use indicatif::ProgressBar;

use crate::codebook::{Built, Codebook, Normalise, Request, Space, build};
use crate::collective::Solo;
use crate::config::{CodebookConfig, ModelConfig, SpaceKind};
use crate::data::{ImageSet, Source};
use crate::encoder::EncoderFile;
use crate::error::TrainError;
use crate::patches::write_patches;
use crate::pretrain::tiny;
use crate::synth::{self, SynthConfig};
use crate::tokenizer;

fn images() -> ImageSet {
    synth::generate(SynthConfig {
        images: 12,
        seed: 4,
    })
    .unwrap()
}

fn built(
    config: &CodebookConfig,
    model: &ModelConfig,
    encoder: Option<&PathBuf>,
) -> Result<Built, TrainError> {
    let built = build(&Request {
        config,
        model,
        source: &images(),
        encoder: encoder.map(PathBuf::as_path),
        device: &Device::flex(),
        collective: &Solo,
        state: None,
        resume: false,
        stop_after: None,
        progress: &ProgressBar::hidden(),
    })?;
    Ok(built.unwrap())
}

fn config(space: SpaceKind, normalise: Normalise) -> CodebookConfig {
    CodebookConfig {
        tokens: 6,
        images: 12,
        batch: 100,
        passes: 2,
        space: Some(space),
        normalise,
        ..CodebookConfig::default()
    }
}

fn patches(model: &ModelConfig) -> Vec<f32> {
    let images = images();
    let mut patches = vec![0.0; images.pixels.len()];
    let values = patches.len() / images.len();
    for (index, out) in patches.chunks_exact_mut(values).enumerate() {
        write_patches(model, images.image(index), out);
    }
    patches
}

/// The token of each vector by the definition, in f64, and that the counts are those of the tokens.
fn assert_nearest(codebook: &Codebook, vectors: &[f32], tokens: &[u32]) {
    let mut counts = vec![0.0; codebook.tokens()];
    for (vector, &token) in vectors.chunks_exact(codebook.dim).zip(tokens) {
        counts[token as usize] += 1.0;
        let distance = |center: &[f32]| -> f64 {
            let pairs = vector.iter().zip(center);
            pairs
                .map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2))
                .sum()
        };
        let distances: Vec<f64> = codebook
            .centers
            .chunks_exact(codebook.dim)
            .map(distance)
            .collect();
        let least = distances.iter().copied().fold(f64::INFINITY, f64::min);
        assert!(distances[token as usize] - least <= 1e-5 * (1.0 + least));
    }
    assert_eq!(counts, codebook.counts);
}

fn tokens(codebook: &Codebook, model: &ModelConfig, encoder: Option<&PathBuf>) -> Vec<u32> {
    let encoder = encoder.map(PathBuf::as_path);
    let tokenizer = tokenizer::open(codebook, encoder, model, &Device::flex()).unwrap();
    assert_eq!(tokenizer.tokens(), codebook.tokens());
    tokenizer
        .tokenize(&patches(model), &images().labels)
        .unwrap()
}

#[test]
fn pixels_go_to_the_nearest_centroid_normalised_or_not() {
    let model = tiny::config().model;
    for normalise in [Normalise::None, Normalise::PerPatch, Normalise::L2] {
        let built = built(&config(SpaceKind::Pixels, normalise), &model, None).unwrap();
        assert_eq!(built.codebook.normalise, normalise);
        let mut vectors = patches(&model);
        normalise.apply(&mut vectors, model.patch_dim());
        assert_nearest(
            &built.codebook,
            &vectors,
            &tokens(&built.codebook, &model, None),
        );
        assert!(built.inertia.unwrap() > 0.0);
    }
}

#[test]
fn a_mim_files_features_go_to_the_centroid_of_largest_cosine() {
    let path = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../models/shapes-tiny/shapes-tiny.int8.mim"
    ));
    let device = Device::flex();
    let encoder = EncoderFile::read(&path, &device).unwrap();
    let model = encoder.model.clone();
    let config = config(SpaceKind::Features, Normalise::L2);
    let made = built(&config, &model, Some(&path)).unwrap();
    let tokens = tokens(&made.codebook, &model, Some(&path));
    let mut vectors = encoder.encode(patches(&model), images().labels).patches;
    // A device compares raw features: with centroids of length 1 its nearest is the same.
    let raw = vectors.clone();
    let on_device =
        crate::kmeans::Nearest::new(&made.codebook.centers, model.dim, &device).assign(&raw);
    let differ = tokens
        .iter()
        .zip(&on_device)
        .filter(|(a, b)| a != b)
        .count();
    assert_eq!(differ, 0);
    Normalise::L2.apply(&mut vectors, model.dim);
    assert_nearest(&made.codebook, &vectors, &tokens);
    let layered = CodebookConfig {
        layer: Some(1),
        ..config
    };
    assert!(built(&layered, &model, Some(&path)).is_err());
    assert!(tokenizer::open(&made.codebook, None, &model, &device).is_err());
    let other = ModelConfig {
        image_size: 32,
        ..model
    };
    let error = tokenizer::open(&made.codebook, Some(&path), &other, &device).unwrap_err();
    assert!(error.to_string().contains("image_size is 64"), "{error}");
}

#[test]
fn random_projections_go_to_the_codeword_of_largest_cosine() {
    let model = tiny::config().model;
    let made = built(
        &config(SpaceKind::RandomProjection, Normalise::PerPatch),
        &model,
        None,
    )
    .unwrap();
    let Space::RandomProjection { projection } = &made.codebook.space else {
        panic!("{:?}", made.codebook.space)
    };
    let (inputs, dim) = (model.patch_dim(), made.codebook.dim);
    assert_eq!((dim, projection.len()), (16, 16 * inputs));
    let mut vectors = patches(&model);
    Normalise::PerPatch.apply(&mut vectors, inputs);
    let mut codes: Vec<f32> = vectors
        .chunks_exact(inputs)
        .flat_map(|vector| {
            projection.chunks_exact(inputs).map(move |row| {
                let pairs = row.iter().zip(vector);
                pairs
                    .map(|(&a, &b)| f64::from(a) * f64::from(b))
                    .sum::<f64>() as f32
            })
        })
        .collect();
    Normalise::L2.apply(&mut codes, dim);
    assert_nearest(
        &made.codebook,
        &codes,
        &tokens(&made.codebook, &model, None),
    );
    assert_eq!(made.inertia, None);
}

#[test]
fn the_oracle_gives_each_patch_its_images_class() {
    let model = tiny::config().model;
    let made = built(&config(SpaceKind::Labels, Normalise::None), &model, None).unwrap();
    assert_eq!(made.codebook.tokens(), 10);
    let tokens = tokens(&made.codebook, &model, None);
    for (image, tokens) in tokens.chunks_exact(model.patches()).enumerate() {
        assert!(tokens.iter().all(|&token| token == images().labels[image]));
    }
    assert_eq!(made.codebook.counts.iter().sum::<f32>(), 12.0 * 16.0);
    let tokenizer = tokenizer::open(&made.codebook, None, &model, &Device::flex()).unwrap();
    assert!(tokenizer.tokenize(&[], &[10]).is_err());
}

#[test]
fn requests_that_contradict_themselves_are_refused() {
    let model = tiny::config().model;
    let path = PathBuf::from("encoder.safetensors");
    for space in [
        SpaceKind::Pixels,
        SpaceKind::RandomProjection,
        SpaceKind::Labels,
    ] {
        assert!(built(&config(space, Normalise::None), &model, Some(&path)).is_err());
        let layered = CodebookConfig {
            layer: Some(1),
            ..config(space, Normalise::None)
        };
        assert!(built(&layered, &model, None).is_err());
    }
    let error = built(&config(SpaceKind::Features, Normalise::None), &model, None).unwrap_err();
    assert!(error.to_string().contains("--encoder"), "{error}");
}
