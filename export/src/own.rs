//! The packed model's own answers to its golden images, and how near to them another device must come.

use crate::ExportError;
use crate::pack::Draft;
use crate::tensors;
use half::f16;
use mimlet_format::{DType, EncoderConfig, GoldenTensor, Model, OwnAnswers, TensorRole};
use mimlet_kernels::{Level, normalize};
use mimlet_runtime::acceptance::{self, Deviation};
use mimlet_runtime::{EncodeError, Encoder, Encoding};

/// Patches whose features are kept of each image: they are looked at together, and a fault that shows
/// in none of them shows in few others.
const KEPT_PATCHES: u32 = 8;

/// How much farther than noise ([`PackedAnswers::rounded`]) takes the packed model a device may be.
const DEVICE_SLACK: f64 = 2.0;

/// Nearer than this no device is asked to come.
const LEAST_DEVIATION: f64 = 5e-4;

/// How own answers are announced before they are known.
pub(crate) fn announced(encoder: &EncoderConfig) -> OwnAnswers {
    OwnAnswers {
        patch_stride: encoder.patches().div_ceil(KEPT_PATCHES),
        max_deviation: f32::MAX,
    }
}

/// What the packed model makes of its golden images.
#[derive(Debug, Default)]
pub(crate) struct PackedAnswers {
    /// Of the images as they are.
    pub(crate) own: Vec<Encoding>,
    /// Of the same rounded to half precision: a change of one part in some thousand, as another order
    /// of rounding makes on the way. It moves activations to the next byte here and there, and what
    /// becomes of that by the last layer is what another device shows, too.
    rounded: Vec<Encoding>,
}

impl PackedAnswers {
    /// Encodes the golden images rounded.
    ///
    /// # Errors
    /// As encoding them does.
    pub(crate) fn round(
        &mut self,
        model: &Model<'_>,
        encoder: &mut Encoder<'_>,
    ) -> Result<(), EncodeError> {
        let preprocess = &model.manifest().preprocess;
        let (mean, std) = (preprocess.mean, preprocess.std);
        for pixels in acceptance::golden_images(model) {
            let mut image = vec![0.0; pixels.len()];
            normalize::cpu(Level::detect(), pixels, mean, std, &mut image);
            for value in &mut image {
                *value = f16::from_f32(*value).to_f32();
            }
            self.rounded.push(encoder.encode(&image)?.clone());
        }
        Ok(())
    }
}

impl Draft<'_> {
    /// Puts zeros where the own answers will be, so that the draft has the file's size.
    pub(crate) fn announce_own(&mut self) {
        let own = announced(&self.model.encoder);
        let kept = self.model.encoder.patches().div_ceil(own.patch_stride);
        let (images, dim) = (self.images, self.model.encoder.embed_dim);
        self.put_features(
            vec![0; (images * dim * 4) as usize],
            vec![0; (images * kept * dim * 2) as usize],
            kept,
        );
        self.own = Some(own);
    }

    /// Own class features, f32, and patch features, f16, of `kept` patches of each image.
    fn put_features(&mut self, class: Vec<u8>, patches: Vec<u8>, kept: u32) {
        let (images, dim) = (self.images, self.model.encoder.embed_dim);
        let class = tensors::array(DType::F32, class, &[images, dim]);
        let patches = tensors::array(DType::F16, patches, &[images, kept, dim]);
        for (tensor, stored) in [
            (GoldenTensor::OwnClassFeatures, class),
            (GoldenTensor::OwnPatchFeatures, patches),
        ] {
            self.tensors.insert(TensorRole::Golden(tensor), stored);
        }
    }

    /// Puts the packed model's own answers to the golden images in, and the bound that noise gives.
    ///
    /// # Errors
    /// [`ExportError::Overflow`] when a feature is beyond f16.
    pub(crate) fn put_own(&mut self, answers: &PackedAnswers) -> Result<(), ExportError> {
        let stride = announced(&self.model.encoder).patch_stride;
        let dim = self.model.encoder.embed_dim as usize;
        let own = answers.own.iter();
        let class: Vec<f32> = own.clone().flat_map(|own| own.class.clone()).collect();
        let kept = own.flat_map(|own| {
            let patches = own.patches.chunks_exact(dim);
            patches.step_by(stride as usize).flatten().copied()
        });
        let kept: Vec<f32> = kept.collect();
        let role = TensorRole::Golden(GoldenTensor::OwnPatchFeatures);
        let patches = tensors::to_halves(role, &kept)?;
        let mut deviation = Deviation::new(&class, &patches, dim, stride as usize);
        for rounded in &answers.rounded {
            deviation.see(rounded);
        }
        let deviation = (DEVICE_SLACK * deviation.median()).max(LEAST_DEVIATION);
        let rows = kept.len() / answers.own.len() / dim;
        let (class, patches) = (tensors::bytes_of(&class), tensors::bytes_of(&patches));
        self.put_features(class, patches, rows as u32);
        self.own = Some(OwnAnswers {
            patch_stride: stride,
            max_deviation: deviation as f32,
        });
        Ok(())
    }
}
