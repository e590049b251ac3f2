//! What a run of the acceptance test shows beyond its verdict: image by image, margin by margin.

use crate::quantize::fidelity;
use mimlet_format::{AcceptanceTest, EncoderConfig, GoldenTensor, Model, TensorRole};
use mimlet_kernels::f16_to_f32;
use mimlet_runtime::Encoding;
use serde::Serialize;

/// Bars of the histogram.
const BINS: usize = 40;
/// Flips that are listed.
const LISTED_FLIPS: usize = 100;

/// How the packed model did on one golden image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImageReport {
    /// Its class; `None` without labels.
    pub class: Option<String>,
    /// Lowest cosine between a feature vector, class or patch, and the float model's.
    pub min_cosine: f64,
    /// Median of those cosines.
    pub median_cosine: f64,
    /// Tokens that are not the float model's; `None` without a codebook.
    pub flips: Option<u32>,
}

/// How far the golden patches are from changing their tokens. A margin is the distance to the second
/// nearest centroid less the distance to the nearest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MarginReport {
    /// Patches of all golden images.
    pub patches: u64,
    /// Bounds of the histogram's bars: one more than there are bars. The first is 0; whatever lies
    /// beyond the last is counted in the last bar.
    pub edges: Vec<f64>,
    /// Patches in each bar by the float model's margin.
    pub float: Vec<u32>,
    /// The same by the packed model's margin, which is not finite for a broken model: those patches
    /// are in no bar.
    pub packed: Vec<u32>,
    /// Tokens that are not the float model's, widest float margin first, a hundred at most.
    pub flips: Vec<Flip>,
}

/// A patch whose token is not the float model's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flip {
    /// Golden image, from 0.
    pub image: u32,
    /// Row of the patch, from the top.
    pub row: u32,
    /// Column of the patch, from the left.
    pub column: u32,
    /// The float model's token.
    pub float_token: u32,
    /// The packed model's.
    pub packed_token: u32,
    /// The float model's margin.
    pub float_margin: f32,
    /// The packed model's.
    pub packed_margin: f32,
    /// Whether the float margin counts as wide: then the flip is a fault.
    pub wide: bool,
}

/// Watches a run of a file's acceptance test.
#[derive(Debug)]
pub(crate) struct Evidence<'m> {
    encoder: &'m EncoderConfig,
    test: &'m AcceptanceTest,
    class: &'m [f32],
    patches: &'m [u16],
    tokens: &'m [u32],
    margins: &'m [f32],
    images: Vec<ImageReport>,
    packed_margins: Vec<f32>,
    flips: Vec<Flip>,
}

impl<'m> Evidence<'m> {
    /// Nothing seen yet.
    pub(crate) fn new(model: &'m Model<'_>) -> Self {
        let golden = |tensor| model.tensor(TensorRole::Golden(tensor));
        Self {
            encoder: &model.manifest().encoder,
            test: &model.manifest().acceptance,
            class: golden(GoldenTensor::ClassFeatures)
                .and_then(|t| t.f32())
                .unwrap_or(&[]),
            patches: golden(GoldenTensor::PatchFeatures)
                .and_then(|t| t.f16_bits())
                .unwrap_or(&[]),
            tokens: golden(GoldenTensor::Tokens)
                .and_then(|t| t.u32())
                .unwrap_or(&[]),
            margins: golden(GoldenTensor::Margins)
                .and_then(|t| t.f32())
                .unwrap_or(&[]),
            images: Vec::new(),
            packed_margins: Vec::new(),
            flips: Vec::new(),
        }
    }

    /// Adds what the packed model made of the next golden image.
    pub(crate) fn see(&mut self, encoding: &Encoding) {
        let image = self.images.len();
        let (dim, patches) = (
            self.encoder.embed_dim as usize,
            self.encoder.patches() as usize,
        );
        let class = &self.class[image * dim..][..dim];
        let mut cosines = vec![fidelity(class, &encoding.class).cosine];
        let golden = &self.patches[image * patches * dim..][..patches * dim];
        let rows = golden
            .chunks_exact(dim)
            .zip(encoding.patches.chunks_exact(dim));
        cosines.extend(rows.map(|(golden, found)| {
            let golden: Vec<f32> = golden.iter().map(|&bits| f16_to_f32(bits)).collect();
            fidelity(&golden, found).cosine
        }));
        // NaN sorts before the numbers or after them, by its sign; it is what is found then.
        let broken = cosines.iter().copied().find(|cosine| cosine.is_nan());
        cosines.sort_by(f64::total_cmp);
        let before = self.flips.len();
        self.see_tokens(image, encoding);
        let label = self.test.labels.get(image);
        self.images.push(ImageReport {
            class: label.and_then(|&label| self.test.class_names.get(label as usize).cloned()),
            min_cosine: broken.unwrap_or(cosines[0]),
            median_cosine: cosines[(cosines.len() - 1) / 2],
            flips: (!self.tokens.is_empty()).then_some((self.flips.len() - before) as u32),
        });
    }

    fn see_tokens(&mut self, image: usize, encoding: &Encoding) {
        let count = encoding.tokens.len();
        let columns = self.encoder.grid()[1] as usize;
        self.packed_margins.extend(&encoding.margins);
        for (patch, (&token, &margin)) in encoding.tokens.iter().zip(&encoding.margins).enumerate()
        {
            let golden = image * count + patch;
            let (float_token, float_margin) = (self.tokens[golden], self.margins[golden]);
            if token != float_token {
                self.flips.push(Flip {
                    image: image as u32, // At most `choice::MAX_GOLDEN`, and a grid of u32.
                    row: (patch / columns) as u32,
                    column: (patch % columns) as u32,
                    float_token,
                    packed_token: token,
                    float_margin,
                    packed_margin: margin,
                    wide: float_margin >= self.test.thresholds.wide_margin,
                });
            }
        }
    }

    /// What was seen, image by image and, with a codebook, of all margins.
    pub(crate) fn reports(mut self) -> (Vec<ImageReport>, Option<MarginReport>) {
        if self.tokens.is_empty() {
            return (self.images, None);
        }
        let widest = self.margins.iter().copied().fold(0.0, f32::max);
        let edges = edges(widest.into());
        self.flips
            .sort_by(|a, b| b.float_margin.total_cmp(&a.float_margin));
        self.flips.truncate(LISTED_FLIPS);
        let margins = MarginReport {
            patches: self.margins.len() as u64,
            float: histogram(&edges, self.margins),
            packed: histogram(&edges, &self.packed_margins),
            edges,
            flips: self.flips,
        };
        (self.images, Some(margins))
    }
}

/// Bounds of equal bars from 0 to `widest`.
fn edges(widest: f64) -> Vec<f64> {
    let step = if widest > 0.0 {
        widest / BINS as f64
    } else {
        1.0
    };
    (0..=BINS).map(|edge| edge as f64 * step).collect()
}

fn histogram(edges: &[f64], values: &[f32]) -> Vec<u32> {
    let mut bars = vec![0; edges.len() - 1];
    for &value in values.iter().filter(|value| value.is_finite()) {
        let above = edges.partition_point(|&edge| edge <= f64::from(value));
        bars[above.clamp(1, edges.len() - 1) - 1] += 1;
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::{edges, histogram};

    #[test]
    fn every_finite_value_is_in_one_bar() {
        let edges = edges(4.0);
        assert_eq!(
            (edges[0], edges[1], *edges.last().unwrap()),
            (0.0, 0.1, 4.0)
        );
        let bars = histogram(
            &edges,
            &[0.0, 0.05, 0.15, 4.0, 9.0, f32::NAN, f32::INFINITY],
        );
        assert_eq!((bars[0], bars[1], *bars.last().unwrap()), (2, 1, 2));
        assert_eq!(bars.iter().sum::<u32>(), 5);
    }
}
