//! What a file asks of the devices that run it.

use crate::FloatCodebook;
use crate::float_run::Answer;
use mimlet_format::{CodebookSpace, Scheme, Thresholds};
use mimlet_runtime::Encoding;
use mimlet_tcas::TokenClassCounts;

/// Lowest share of tokens that must be the float model's.
pub(crate) const MIN_AGREEMENT: f32 = 0.99;
/// The same with 4-bit weights.
const MIN_AGREEMENT_INT4: f32 = 0.97;
/// The same for random weights, most of whose tokens are near-ties.
pub(crate) const RANDOM_AGREEMENT: f32 = 0.9;
/// How much more than on this machine a margin may change on another device, which rounds elsewhere,
/// and for other images than the golden ones.
const DEVICE_SLACK: f32 = 1.5;
/// How much farther than on this machine another device may turn a feature away from the float
/// model's, radians: rounding in another order moves an activation to the next byte here and there.
/// A cosine of 0.9999; two backends of this project come within 0.99994 of each other.
const DEVICE_TURN: f64 = 0.015;
/// How far f32 arithmetic in another order may change a margin between features, as a share of the
/// largest centroid's norm. Features may differ by 2e-4 a value from one device to the next.
const FEATURE_ROUNDING: f32 = 1e-3;
/// The same between pixels, whose distances are one sum each.
const PIXEL_ROUNDING: f32 = 1e-4;
/// How far above the float model's TCAS a run may be: what the tokens that may flip can add.
const TCAS_SLACK: f64 = 0.02;

/// Share of tokens, all of them near-ties, that may flip on another device beside those that flip here:
/// the more, the nearer to its centroids' borders a model's features lie. Flips at a wide margin are
/// counted apart, and none is allowed.
const DEVICE_FLIPS: f32 = 0.005;

/// What a device is held to when the export is held to `agreement`.
pub(crate) fn on_devices(agreement: f32) -> f32 {
    (agreement - DEVICE_FLIPS).max(0.0)
}

/// The lowest feature cosine of a scheme. For int8, what keeps tokens; for the others, a few times
/// the error their rounding makes.
fn min_cosine(scheme: Scheme) -> f32 {
    match scheme {
        Scheme::F32 => 0.99999,
        Scheme::F16 => 0.9999,
        Scheme::Int8 => 0.999,
        Scheme::Int4 | Scheme::Mixed => 0.99,
    }
}

/// The lowest share of tokens of a scheme.
pub(crate) fn min_agreement(scheme: Scheme) -> f32 {
    match scheme {
        Scheme::Int4 => MIN_AGREEMENT_INT4,
        Scheme::F32 | Scheme::F16 | Scheme::Int8 | Scheme::Mixed => MIN_AGREEMENT,
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

/// What bounds depend on beside the scheme.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// The largest change of a golden margin by quantisation.
    pub(crate) margin_change: f32,
    /// The lowest cosine of a golden feature with the float model's.
    pub(crate) min_cosine: f64,
    /// The float model's TCAS over the golden images.
    pub(crate) float_tcas: Option<f64>,
}

/// A file's bounds.
///
/// A token flips when its margin changes by more than the margin. So the wide margin is
/// [`DEVICE_SLACK`] times the largest change seen on the golden images, or what rounding alone may
/// do, whichever is larger: a token that flips beyond it was moved by more than this quantisation
/// moves any, which is a fault. The lowest cosine is that of a feature turned by [`DEVICE_TURN`] more than
/// this quantisation turns any: also where that is below the scheme's, or models that are barely within it
/// would fail on sound devices. Where this quantisation is not within it, or arithmetic is float, it is the
/// scheme's.
pub(crate) fn choose(
    scheme: Scheme,
    codebook: Option<&FloatCodebook>,
    measured: &Measured,
) -> Thresholds {
    let wide_margin = codebook.map_or(0.0, |codebook| {
        let rounding = match codebook.space {
            CodebookSpace::Pixels => PIXEL_ROUNDING,
            CodebookSpace::Features => FEATURE_ROUNDING,
        };
        (DEVICE_SLACK * measured.margin_change).max(rounding * largest_norm(codebook))
    });
    Thresholds {
        min_cosine: lowest_cosine(scheme, measured.min_cosine),
        min_token_agreement: min_agreement(scheme),
        wide_margin,
        max_wide_margin_flips: 0,
        max_tcas: measured.float_tcas.map(|tcas| tcas + TCAS_SLACK),
    }
}

/// The lowest cosine that a device may show, by the lowest on this machine.
fn lowest_cosine(scheme: Scheme, measured: f64) -> f32 {
    let own = min_cosine(scheme);
    match scheme {
        Scheme::Int8 | Scheme::Int4 | Scheme::Mixed if measured >= f64::from(own) => {
            let angle = libm::acos(measured.min(1.0)) + DEVICE_TURN;
            libm::cos(angle.min(core::f64::consts::PI)) as f32
        }
        _ => own,
    }
}

fn largest_norm(codebook: &FloatCodebook) -> f32 {
    let centroids = codebook.centroids.chunks_exact(codebook.dim as usize);
    let norm = |centroid: &[f32]| distance(centroid, &vec![0.0; centroid.len()]);
    centroids.map(norm).fold(0.0, f32::max)
}

/// Euclidean distance.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    let square = |(&a, &b): (&f32, &f32)| (f64::from(a) - f64::from(b)).powi(2);
    libm::sqrt(a.iter().zip(b).map(square).sum()) as f32
}

/// Watches the packed model run its golden images: the largest change of a golden margin, which is
/// how much farther than the golden centroid the next one is, there and for the float model. A
/// flipped token has a negative margin there. Infinite once a margin is NaN; 0 without a codebook,
/// and with one over pixels, which quantisation does not touch.
#[derive(Debug)]
pub(crate) struct MarginChange<'a> {
    codebook: Option<&'a FloatCodebook>,
    answers: std::slice::Iter<'a, Answer>,
    /// What has been seen so far.
    pub(crate) largest: f32,
}

impl<'a> MarginChange<'a> {
    /// Over images with these answers, in their order.
    pub(crate) fn new(codebook: Option<&'a FloatCodebook>, answers: &'a [Answer]) -> Self {
        Self {
            codebook: codebook.filter(|c| c.space == CodebookSpace::Features),
            answers: answers.iter(),
            largest: 0.0,
        }
    }

    /// Takes in the next image.
    pub(crate) fn see(&mut self, found: &Encoding) {
        let (Some(codebook), Some(answer)) = (self.codebook, self.answers.next()) else {
            return;
        };
        let dim = codebook.dim as usize;
        let centroid = |token: u32| &codebook.centroids[token as usize * dim..][..dim];
        for (patch, feature) in found.patches.chunks_exact(dim).enumerate() {
            let (token, golden) = (found.tokens[patch], answer.tokens[patch]);
            let margin = if token == golden {
                found.margins[patch]
            } else {
                distance(feature, centroid(token)) - distance(feature, centroid(golden))
            };
            let change = (margin - answer.margins[patch]).abs();
            let change = if change.is_nan() {
                f32::INFINITY
            } else {
                change
            };
            self.largest = self.largest.max(change);
        }
    }
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

#[cfg(test)]
mod tests {
    use super::lowest_cosine;
    use mimlet_format::Scheme;

    #[test]
    fn a_device_may_turn_features_further_unless_the_model_is_beyond_its_scheme_s_bound() {
        let barely = lowest_cosine(Scheme::Int8, 0.9992);
        assert!((0.9984..0.9986).contains(&barely), "{barely}");
        let well = lowest_cosine(Scheme::Int8, 0.99994);
        assert!((0.9996..0.9997).contains(&well), "{well}");
        for (scheme, found, bound) in [
            (Scheme::Int8, 0.9989, 0.999),
            (Scheme::Int8, f64::NAN, 0.999),
            (Scheme::Int4, 0.98, 0.99),
            (Scheme::F32, 1.0, 0.99999),
            (Scheme::F16, 1.0, 0.9999),
        ] {
            assert_eq!(lowest_cosine(scheme, found), bound, "{scheme:?} {found}");
        }
    }
}
