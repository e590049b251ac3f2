//! The acceptance test inside a file, run on a backend: are its results right on this device, with
//! this driver, today?

mod deviation;
mod distances;

use crate::backend::Encoding;
use crate::encoder::{EncodeError, Encoder};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use mimlet_format::{AcceptanceTest, GoldenTensor, Model, TensorRole, Thresholds};
use mimlet_kernels::f16_to_f32;
use mimlet_tcas::TokenClassCounts;
use serde::{Deserialize, Serialize};

pub use deviation::MeanFeature;
use distances::Distances;

/// What a run of the acceptance test found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What ran.
    pub backend: String,
    /// Golden images run.
    pub images: u32,
    /// Lowest cosine between a feature vector, class or patch, and its golden one. NaN when the
    /// backend gave one.
    pub min_cosine: f64,
    /// Mean of those cosines.
    pub mean_cosine: f64,
    /// Share of patches with the golden token, 0..1; `None` without a codebook.
    pub token_agreement: Option<f64>,
    /// Tokens that differ where two centroids were about equally near: rounding, not a fault.
    pub near_tie_flips: u32,
    /// Tokens that differ where the golden margin was wide.
    pub wide_margin_flips: u32,
    /// TCAS over the golden images; `None` without labels or codebook.
    pub tcas: Option<f64>,
    /// How far the answers are, on the whole, from those the file itself gave where it was written
    /// ([`OwnAnswers::max_deviation`](mimlet_format::OwnAnswers)); `None` where it does not say. NaN
    /// when the backend gave one.
    pub deviation: Option<f64>,
    /// What was not reached, a sentence each; empty when the test passed.
    pub failures: Vec<String>,
}

impl Verdict {
    /// Whether every threshold was reached.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Runs a model's acceptance test on an encoder of the same model.
///
/// # Errors
/// [`EncodeError`] when the backend fails. A backend that gives wrong results is no error but a
/// verdict that has not passed.
pub fn run(model: &Model<'_>, encoder: &mut Encoder<'_>) -> Result<Verdict, EncodeError> {
    run_seen(model, encoder, |_| {})
}

/// As [`run`], with each golden image's encoding shown to `see`, in order.
///
/// # Errors
/// As [`run`].
pub fn run_seen(
    model: &Model<'_>,
    encoder: &mut Encoder<'_>,
    mut see: impl FnMut(&Encoding),
) -> Result<Verdict, EncodeError> {
    let mut examination = Examination::new(model);
    for image in golden_images(model) {
        let encoding = encoder.encode_pixels(image)?;
        see(encoding);
        examination.add(encoding);
    }
    Ok(examination.verdict(encoder.describe()))
}

/// The acceptance test under way, for who encodes its images otherwise than with an [`Encoder`]: a
/// browser's GPU answers later.
#[derive(Debug)]
pub struct Examination<'a, 'm> {
    model: &'a Model<'m>,
    golden: Golden<'m>,
    tally: Tally,
    distances: Option<Distances<'m>>,
    mean: MeanFeature,
    seen: usize,
}

impl<'a, 'm> Examination<'a, 'm> {
    /// With nothing seen yet.
    #[must_use]
    pub fn new(model: &'a Model<'m>) -> Self {
        Self {
            model,
            golden: Golden::of(model),
            tally: Tally::new(model),
            distances: Distances::new(model),
            mean: MeanFeature::new(model.manifest().encoder.embed_dim as usize),
            seen: 0,
        }
    }

    /// Looks at the encoding of the next of the [`golden_images`].
    ///
    /// # Panics
    /// When all have been seen, or the encoding is another model's.
    pub fn add(&mut self, encoding: &Encoding) {
        let (golden, image) = (&self.golden, self.seen);
        let test = &self.model.manifest().acceptance;
        let class = part(golden.class, test, image);
        let patches = part(golden.patches, test, image);
        let values = patches.iter().map(|&bits| f16_to_f32(bits));
        self.mean.add(&encoding.patches, values);
        self.tally.features(class, patches, encoding);
        self.tally.tokens(
            part(golden.tokens, test, image),
            part(golden.margins, test, image),
            encoding,
        );
        if let Some(distances) = &mut self.distances {
            let pixels = part(golden.images, test, image);
            distances.add(self.model.manifest(), pixels, encoding);
        }
        if let (Some(counts), Some(&label)) = (&mut self.tally.counts, test.labels.get(image)) {
            // A token past the codebook is a flip already; it has no row to be counted in.
            let _ = counts.add_tokens(&encoding.tokens, label);
        }
        self.seen += 1;
    }

    /// What was found, of a backend of that name, once all images have been seen.
    ///
    /// # Panics
    /// When an image is missing: a test that was not finished has no verdict.
    #[must_use]
    pub fn verdict(self, backend: String) -> Verdict {
        let test = &self.model.manifest().acceptance;
        assert_eq!(self.seen, test.images as usize, "an image is missing");
        let own = TensorRole::Golden(GoldenTensor::OwnMeanFeature);
        let own = self.model.tensor(own).and_then(|own| own.f32());
        let deviation = own.map(|own| self.mean.deviation(own));
        let wrong = self.distances.as_ref().map_or(0, Distances::wrong);
        let mut verdict = self.tally.verdict(backend, deviation, test);
        if wrong > 0 {
            verdict.failures.push(format!(
                "{wrong} patches have other distances to the centroids than their features have"
            ));
        }
        verdict
    }
}

/// The acceptance test's images, u8 `[height, width, 3]` each.
#[must_use]
pub fn golden_images<'m>(model: &Model<'m>) -> Vec<&'m [u8]> {
    let test = &model.manifest().acceptance;
    let pixels = Golden::of(model).images;
    let image = |image| part(pixels, test, image);
    (0..test.images as usize).map(image).collect()
}

/// One image's part of an array over the golden images.
fn part<'a, T>(values: &'a [T], test: &AcceptanceTest, image: usize) -> &'a [T] {
    let len = values.len() / test.images as usize;
    &values[image * len..(image + 1) * len]
}

/// The golden arrays; those of tokens are empty without a codebook.
#[derive(Debug)]
struct Golden<'m> {
    images: &'m [u8],
    class: &'m [f32],
    patches: &'m [u16],
    tokens: &'m [u32],
    margins: &'m [f32],
}

impl<'m> Golden<'m> {
    fn of(model: &Model<'m>) -> Self {
        let tensor = |tensor| model.tensor(TensorRole::Golden(tensor));
        Self {
            images: tensor(GoldenTensor::Images)
                .and_then(|t| t.u8())
                .unwrap_or(&[]),
            class: tensor(GoldenTensor::ClassFeatures)
                .and_then(|t| t.f32())
                .unwrap_or(&[]),
            patches: tensor(GoldenTensor::PatchFeatures)
                .and_then(|t| t.f16_bits())
                .unwrap_or(&[]),
            tokens: tensor(GoldenTensor::Tokens)
                .and_then(|t| t.u32())
                .unwrap_or(&[]),
            margins: tensor(GoldenTensor::Margins)
                .and_then(|t| t.f32())
                .unwrap_or(&[]),
        }
    }
}

/// What has been seen so far.
#[derive(Debug)]
struct Tally {
    thresholds: Thresholds,
    min_cosine: f64,
    sum_cosine: f64,
    vectors: u32,
    tokens: u32,
    near_tie_flips: u32,
    wide_margin_flips: u32,
    counts: Option<TokenClassCounts>,
}

impl Tally {
    fn new(model: &Model<'_>) -> Self {
        let manifest = model.manifest();
        let test = &manifest.acceptance;
        let counts = manifest
            .codebook
            .as_ref()
            .filter(|_| !test.labels.is_empty());
        Self {
            thresholds: test.thresholds.clone(),
            min_cosine: 1.0,
            sum_cosine: 0.0,
            vectors: 0,
            tokens: 0,
            near_tie_flips: 0,
            wide_margin_flips: 0,
            counts: counts.and_then(|codebook| {
                TokenClassCounts::new(codebook.size as usize, test.class_names.len()).ok()
            }),
        }
    }

    fn features(&mut self, class: &[f32], patches: &[u16], encoding: &Encoding) {
        let dim = class.len();
        self.cosine(class.iter().copied(), &encoding.class);
        for (golden, actual) in patches
            .chunks_exact(dim)
            .zip(encoding.patches.chunks_exact(dim))
        {
            self.cosine(golden.iter().map(|&bits| f16_to_f32(bits)), actual);
        }
    }

    fn cosine(&mut self, golden: impl Iterator<Item = f32>, actual: &[f32]) {
        let (mut dot, mut golden_square, mut actual_square) = (0.0, 0.0, 0.0);
        for (golden, &actual) in golden.zip(actual) {
            let (golden, actual) = (f64::from(golden), f64::from(actual));
            dot += golden * actual;
            golden_square += golden * golden;
            actual_square += actual * actual;
        }
        let cosine = dot / libm::sqrt(golden_square * actual_square);
        // A NaN stays: `min` would forget it.
        if !reaches(cosine, self.min_cosine) {
            self.min_cosine = if self.min_cosine.is_nan() {
                f64::NAN
            } else {
                cosine
            };
        }
        self.sum_cosine += cosine;
        self.vectors += 1;
    }

    fn tokens(&mut self, golden: &[u32], margins: &[f32], encoding: &Encoding) {
        for ((golden, actual), &margin) in golden.iter().zip(&encoding.tokens).zip(margins) {
            self.tokens += 1;
            if golden != actual {
                let flips = if margin < self.thresholds.wide_margin {
                    &mut self.near_tie_flips
                } else {
                    &mut self.wide_margin_flips
                };
                *flips += 1;
            }
        }
    }

    fn verdict(self, backend: String, deviation: Option<f64>, test: &AcceptanceTest) -> Verdict {
        let flips = self.near_tie_flips + self.wide_margin_flips;
        let agreement = 1.0 - f64::from(flips) / f64::from(self.tokens.max(1));
        let tcas = self.counts.as_ref().and_then(TokenClassCounts::tcas);
        let mut verdict = Verdict {
            backend,
            images: test.images,
            min_cosine: self.min_cosine,
            mean_cosine: self.sum_cosine / f64::from(self.vectors.max(1)),
            token_agreement: (self.tokens > 0).then_some(agreement),
            near_tie_flips: self.near_tie_flips,
            wide_margin_flips: self.wide_margin_flips,
            tcas,
            deviation,
            failures: Vec::new(),
        };
        verdict.failures = failures(&verdict, &self.thresholds);
        verdict.failures.extend(too_far(&verdict, test));
        verdict
    }
}

/// Whether a value is at least a bound; NaN never is.
fn reaches(value: f64, bound: f64) -> bool {
    value >= bound
}

/// Why a device that is near enough to the float model is too far from this file's own answers.
fn too_far(verdict: &Verdict, test: &AcceptanceTest) -> Option<String> {
    let (found, bound) = (verdict.deviation?, test.own.as_ref()?.max_deviation);
    (!reaches(bound.into(), found)).then(|| {
        format!(
            "the mean feature is {found:.6} from what this file gave where it was written, {bound:.6} \
             allowed"
        )
    })
}

/// What a verdict does not reach.
fn failures(verdict: &Verdict, thresholds: &Thresholds) -> Vec<String> {
    let mut failures = Vec::new();
    let cosine = thresholds.min_cosine;
    if !reaches(verdict.min_cosine, cosine.into()) {
        failures.push(format!(
            "lowest feature cosine {:.6} is below {cosine}",
            verdict.min_cosine
        ));
    }
    let agreement = thresholds.min_token_agreement;
    if let Some(found) = verdict
        .token_agreement
        .filter(|found| !reaches(*found, agreement.into()))
    {
        failures.push(format!("token agreement {found:.4} is below {agreement}"));
    }
    let (flips, allowed) = (verdict.wide_margin_flips, thresholds.max_wide_margin_flips);
    if flips > allowed {
        failures.push(format!(
            "{flips} tokens flipped at a wide margin, {allowed} allowed"
        ));
    }
    if let Some(bound) = thresholds.max_tcas {
        match verdict.tcas {
            Some(tcas) if tcas <= bound => {}
            Some(tcas) => failures.push(format!("TCAS {tcas:.4} is above {bound:.4}")),
            None => failures.push(format!("TCAS is undefined, at most {bound:.4} asked for")),
        }
    }
    failures
}
