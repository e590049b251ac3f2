//! How far a device's answers are from those the file itself gave where it was written.

use crate::backend::Encoding;
use alloc::vec::Vec;
use mimlet_format::{GoldenTensor, Model, TensorRole};
use mimlet_kernels::f16_to_f32;

/// Weight of the class feature's deviation beside the patches': one vector deviates by chance more
/// than many taken together.
const CLASS_WEIGHT: f64 = 0.5;

/// The file's own answers, and each golden image's deviation from them so far, as FORMAT.md defines it.
#[derive(Debug)]
pub struct Deviation<'m> {
    class: &'m [f32],
    patches: &'m [u16],
    dim: usize,
    stride: usize,
    of_images: Vec<f64>,
}

impl<'m> Deviation<'m> {
    /// From own class features `[images, dim]` and the bits of own patch features
    /// `[images, kept, dim]`, of every `stride`-th patch.
    #[must_use]
    pub fn new(class: &'m [f32], patches: &'m [u16], dim: usize, stride: usize) -> Self {
        Self {
            class,
            patches,
            dim,
            stride,
            of_images: Vec::new(),
        }
    }

    /// From a file; `None` where it does not hold its own answers.
    pub(super) fn of(model: &Model<'m>) -> Option<Self> {
        let manifest = model.manifest();
        let stride = manifest.acceptance.own.as_ref()?.patch_stride as usize;
        let tensor = |tensor| model.tensor(TensorRole::Golden(tensor));
        let class = tensor(GoldenTensor::OwnClassFeatures)?.f32()?;
        let patches = tensor(GoldenTensor::OwnPatchFeatures)?.f16_bits()?;
        let dim = manifest.encoder.embed_dim as usize;
        Some(Self::new(class, patches, dim, stride))
    }

    /// Takes in what the next golden image was encoded to.
    ///
    /// # Panics
    /// When there are more than own answers.
    pub fn see(&mut self, found: &Encoding) {
        let images = self.class.len() / self.dim;
        let (image, kept) = (self.of_images.len(), self.patches.len() / images);
        let own = self.class[image * self.dim..].iter().copied();
        let class = relative(own.zip(found.class.iter().copied()));
        let own = self.patches[image * kept..(image + 1) * kept].iter();
        let own = own.map(|&bits| f16_to_f32(bits));
        let patches = found.patches.chunks_exact(self.dim).step_by(self.stride);
        let patches = relative(own.zip(patches.flatten().copied()));
        // A NaN in either stays: `max` would forget it.
        let larger = if class.is_nan() || patches.is_nan() {
            f64::NAN
        } else {
            patches.max(class * CLASS_WEIGHT)
        };
        self.of_images.push(larger);
    }

    /// The median over the images, of an even number the higher of the middle two. NaN once there is
    /// one in any image, or without an image.
    #[must_use]
    pub fn median(mut self) -> f64 {
        if self.of_images.iter().any(|deviation| deviation.is_nan()) {
            return f64::NAN;
        }
        self.of_images.sort_by(f64::total_cmp);
        let middle = self.of_images.get(self.of_images.len() / 2);
        middle.copied().unwrap_or(f64::NAN)
    }
}

/// `||found - own|| / ||own||` of pairs (own, found): of an `own` without size, 0 when `found` has
/// none either.
fn relative(pairs: impl Iterator<Item = (f32, f32)>) -> f64 {
    let (mut difference, mut size) = (0.0, 0.0);
    for (own, found) in pairs {
        let (own, found) = (f64::from(own), f64::from(found));
        difference += (found - own) * (found - own);
        size += own * own;
    }
    if difference == 0.0 {
        0.0
    } else {
        libm::sqrt(difference / size)
    }
}
