//! A tiny encoder with random weights: odd shapes, a register, a codebook, under 100 KB packed.

use mimlet_export::{
    ExportOptions, FloatCodebook, FloatModel, FloatWeights, PreprocessHints, export,
    synthetic_golden,
};
use mimlet_format::{
    AcceptanceTest, Activation, AlignedBytes, BlockTensor, CodebookSpace, EncoderConfig, Manifest,
    ModelWriter, NormPart, Provenance, Scheme, TensorRole, Thresholds, expected_shape,
    required_roles,
};
use mimlet_kernels::case::Stream;

/// Seed of everything random here: one whose golden tokens are no near-ties, for int8 either.
const SEED: u64 = 25;
/// Number of centroids.
const CENTROIDS: u32 = 12;

/// Neither square nor a multiple of any tile.
const ENCODER: EncoderConfig = EncoderConfig {
    image_size: [32, 24],
    patch_size: 8,
    embed_dim: 24,
    depth: 2,
    num_heads: 3,
    mlp_dim: 40,
    register_tokens: 1,
    layer_norm_eps: 1e-6,
    activation: Activation::Gelu,
};

/// The encoder in f32.
#[must_use]
pub fn model() -> FloatModel {
    let mut stream = Stream::new(SEED);
    let mut weights = FloatWeights::default();
    let manifest = manifest();
    for role in required_roles(&manifest).filter(|role| !matches!(role, TensorRole::Golden(_))) {
        let shape = expected_shape(role, &manifest).unwrap_or_default();
        let (middle, spread) = range(role, &shape);
        let len = shape.iter().map(|&side| side as usize).product();
        let values = stream.values(len, spread);
        weights.insert(role, values.iter().map(|value| middle + value).collect());
    }
    FloatModel {
        encoder: ENCODER,
        weights,
        preprocess: PreprocessHints::default(),
        name: "tiny".into(),
        source: format!("tests/src/tiny.rs, seed {SEED}"),
        source_hash: [0; 32],
        licence: Some("MIT OR Apache-2.0".into()),
        ignored: Vec::new(),
        notes: Vec::new(),
    }
}

/// Centroids in the space of its features.
#[must_use]
pub fn codebook() -> FloatCodebook {
    let dim = ENCODER.embed_dim;
    FloatCodebook {
        space: CodebookSpace::Features,
        centroids: Stream::new(SEED + 1).values((CENTROIDS * dim) as usize, 1.5),
        size: CENTROIDS,
        dim,
        normalisation: None,
        teacher_hash: None,
    }
}

/// The encoder and its codebook as a file with two golden images.
///
/// # Panics
/// When the export refuses the model.
#[must_use]
pub fn packed(scheme: Scheme) -> AlignedBytes {
    let model = model();
    let preprocess = model.preprocess.resolve(ENCODER.image_size);
    let mut options = ExportOptions::new(scheme, preprocess);
    options.golden = synthetic_golden(ENCODER.image_size, 2, SEED);
    export(&model, Some(&codebook()), &options)
        .expect("the tiny model passes its acceptance test")
        .bytes
}

/// Middle and half-width of a role's values: fan-in scaling for matrices, gains about one.
fn range(role: TensorRole, shape: &[u32]) -> (f32, f32) {
    use BlockTensor::{Norm1, Norm2};
    match role {
        TensorRole::FinalNorm(NormPart::Weight)
        | TensorRole::Block {
            tensor: Norm1(NormPart::Weight) | Norm2(NormPart::Weight),
            ..
        } => (1.0, 0.5),
        TensorRole::TokenTable => (0.0, 0.5),
        _ => match *shape {
            [_, inputs] => (0.0, 2.0 / (inputs as f32).sqrt()),
            _ => (0.0, 0.3),
        },
    }
}

/// A manifest with the encoder's shape, for the shapes of its tensors.
fn manifest() -> Manifest {
    let acceptance = AcceptanceTest {
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
    };
    let provenance = Provenance {
        name: String::new(),
        producer: String::new(),
        source: String::new(),
        source_hash: [0; 32],
        scheme: Scheme::F32,
        licence: None,
    };
    let preprocess = PreprocessHints::default().resolve(ENCODER.image_size);
    ModelWriter::new(ENCODER, preprocess, None, acceptance, provenance)
        .manifest()
        .clone()
}
