//! The packed model's own answers to its golden images, and how near to them another device must come.

use crate::float_run::Answer;
use crate::pack::Draft;
use crate::tensors;
use half::f16;
use mimlet_format::{DType, GoldenTensor, Model, OwnAnswers, TensorRole};
use mimlet_kernels::{Level, normalize};
use mimlet_runtime::acceptance::{self, MeanFeature};
use mimlet_runtime::{EncodeError, Encoder};

const ROLE: TensorRole = TensorRole::Golden(GoldenTensor::OwnMeanFeature);

/// How much farther than noise ([`PackedAnswers::round`]) takes the packed model a device may be.
const DEVICE_SLACK: f64 = 1.5;

/// Nearer than this no device is asked to come.
const LEAST_DEVIATION: f64 = 2e-5;

/// How own answers are announced before they are known.
pub(crate) const ANNOUNCED: OwnAnswers = OwnAnswers {
    max_deviation: f32::MAX,
};

/// What the packed model makes of its golden images.
#[derive(Debug)]
pub(crate) struct PackedAnswers {
    /// Of the images as they are.
    own: MeanFeature,
    /// Of the same rounded to half precision.
    rounded: MeanFeature,
}

impl PackedAnswers {
    /// None yet, of a model this wide.
    pub(crate) fn new(dim: usize) -> Self {
        let [own, rounded] = [MeanFeature::new(dim), MeanFeature::new(dim)];
        Self { own, rounded }
    }

    /// Takes in an image's patch features, and the float model's.
    pub(crate) fn see(&mut self, found: &[f32], answer: &Answer) {
        self.own.add(found, answer.patches.iter().copied());
    }

    /// Encodes the golden images rounded to half precision: a change of one part in some thousand, as
    /// another order of rounding makes on the way. It moves activations to the next byte here and
    /// there, and what becomes of that by the last layer is what another device shows, too.
    ///
    /// # Errors
    /// As encoding them does.
    pub(crate) fn round(
        &mut self,
        model: &Model<'_>,
        encoder: &mut Encoder<'_>,
        answers: &[Answer],
    ) -> Result<(), EncodeError> {
        let preprocess = &model.manifest().preprocess;
        let (mean, std) = (preprocess.mean, preprocess.std);
        let images = acceptance::golden_images(model);
        for (pixels, answer) in images.into_iter().zip(answers) {
            let mut image = vec![0.0; pixels.len()];
            normalize::cpu(Level::detect(), pixels, mean, std, &mut image);
            for value in &mut image {
                *value = f16::from_f32(*value).to_f32();
            }
            let found = encoder.encode(&image)?;
            self.rounded
                .add(&found.patches, answer.patches.iter().copied());
        }
        Ok(())
    }
}

impl Draft<'_> {
    /// Puts zeros where the own answers will be, so that the draft has the file's size.
    pub(crate) fn announce_own(&mut self) {
        let dim = self.model.encoder.embed_dim as usize;
        self.put_mean(&vec![0.0; dim]);
        self.own = Some(ANNOUNCED);
    }

    /// Puts the packed model's own answers in, and the bound that noise gives.
    pub(crate) fn put_own(&mut self, answers: &PackedAnswers) {
        let own = answers.own.mean();
        let deviation = DEVICE_SLACK * answers.rounded.deviation(&own);
        self.put_mean(&own);
        self.own = Some(OwnAnswers {
            max_deviation: deviation.max(LEAST_DEVIATION) as f32,
        });
    }

    fn put_mean(&mut self, mean: &[f32]) {
        let shape = [mean.len() as u32];
        let stored = tensors::array(DType::F32, tensors::bytes_of(mean), &shape);
        self.tensors.insert(ROLE, stored);
    }
}
