//! What a file asks of the devices that run it.

use crate::float_run::Answer;
use crate::{ExportError, FloatCodebook};
use mimlet_format::{CodebookSpace, Model, Scheme, Thresholds};
use mimlet_runtime::Encoder;
use mimlet_tcas::TokenClassCounts;

/// Lowest share of tokens that must be the float model's.
const MIN_TOKEN_AGREEMENT: f32 = 0.99;
/// How much farther from the float model than this machine another device may be, because it rounds
/// elsewhere: factor on the largest error seen.
const DEVICE_SLACK: f32 = 1.5;
/// Share of a feature's norm that f32 arithmetic in another order may move it by: ten times the
/// largest that CPU and GPU kernels differ by on the test models.
const FEATURE_ROUNDING: f32 = 1e-3;
/// The same for the distance between pixels and a centroid, which is one sum.
const PIXEL_ROUNDING: f32 = 1e-4;
/// How far above the float model's TCAS a run may be: what the tokens that may flip can add.
const TCAS_SLACK: f64 = 0.02;

/// The lowest feature cosine of a scheme. For int8, what keeps tokens; for the others, a few times
/// the error their rounding makes.
fn min_cosine(scheme: Scheme) -> f32 {
    match scheme {
        Scheme::F32 => 0.99999,
        Scheme::F16 => 0.9999,
        Scheme::Int8 => 0.999,
    }
}

/// Bounds that any file meets: what a file is given before its own are known.
pub(crate) fn none() -> Thresholds {
    Thresholds {
        min_cosine: -1.0,
        min_token_agreement: 0.0,
        wide_margin: 0.0,
        max_wide_margin_flips: u32::MAX,
        max_tcas: None,
    }
}

/// The bounds of a file whose features lie at most `feature_error` from the float model's.
///
/// By the triangle inequality a feature that moves by e changes each distance by at most e, and a
/// margin by at most 2e. So the wide margin is `2 e`, with e the largest error seen on the golden
/// images times [`DEVICE_SLACK`], or what rounding alone may do, whichever is larger: a token that
/// flips beyond it was moved by more than this quantisation moves anything.
pub(crate) fn choose(
    scheme: Scheme,
    codebook: Option<&FloatCodebook>,
    feature_error: f32,
    float_tcas: Option<f64>,
) -> Thresholds {
    let wide_margin = codebook.map_or(0.0, |codebook| {
        let norm = largest_norm(codebook);
        2.0 * match codebook.space {
            CodebookSpace::Pixels => PIXEL_ROUNDING * norm,
            CodebookSpace::Features => (DEVICE_SLACK * feature_error).max(FEATURE_ROUNDING * norm),
        }
    });
    Thresholds {
        min_cosine: min_cosine(scheme),
        min_token_agreement: MIN_TOKEN_AGREEMENT,
        wide_margin,
        max_wide_margin_flips: 0,
        max_tcas: float_tcas.map(|tcas| tcas + TCAS_SLACK),
    }
}

fn largest_norm(codebook: &FloatCodebook) -> f32 {
    let centroids = codebook.centroids.chunks_exact(codebook.dim as usize);
    centroids.map(|c| distance(c, None)).fold(0.0, f32::max)
}

/// Euclidean distance from `b`, or from 0.
fn distance(a: &[f32], b: Option<&[f32]>) -> f32 {
    let square = |(i, &a): (usize, &f32)| {
        let difference = f64::from(a) - b.map_or(0.0, |b| f64::from(b[i]));
        difference * difference
    };
    libm::sqrt(a.iter().enumerate().map(square).sum()) as f32
}

/// The largest distance between a patch's features on an encoder and the float model's; infinite
/// when the encoder gives NaN.
///
/// # Errors
/// [`ExportError::Encode`] when the encoder refuses an image.
pub(crate) fn feature_error(
    model: &Model<'_>,
    encoder: &mut Encoder<'_>,
    images: &[&[u8]],
    answers: &[Answer],
) -> Result<f32, ExportError> {
    let dim = model.manifest().encoder.embed_dim as usize;
    let mut largest = 0.0_f32;
    for (pixels, answer) in images.iter().zip(answers) {
        let found = &encoder.encode_pixels(pixels)?.patches;
        for (a, b) in found
            .chunks_exact(dim)
            .zip(answer.patches.chunks_exact(dim))
        {
            let error = distance(a, Some(b));
            largest = if error.is_nan() {
                f32::INFINITY
            } else {
                largest.max(error)
            };
        }
    }
    Ok(largest)
}

/// The TCAS of the float model's tokens; `None` where it is undefined.
pub(crate) fn float_tcas(
    answers: &[Answer],
    labels: &[u32],
    classes: usize,
    codebook: Option<&FloatCodebook>,
) -> Option<f64> {
    let tokens = codebook?.size as usize;
    let mut counts = TokenClassCounts::new(tokens, classes).ok()?;
    for (answer, &label) in answers.iter().zip(labels) {
        counts.add_tokens(&answer.tokens, label).ok()?;
    }
    counts.tcas()
}
