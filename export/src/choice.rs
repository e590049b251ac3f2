//! Which images go into the file, and which calibrate.

use crate::{ExportError, GoldenImage};
use mimlet_format::{EncoderConfig, Scheme};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

/// Golden images in a file, unless there are more classes.
const GOLDEN: usize = 16;
/// Golden images in a file at most, however many classes there are.
const MAX_GOLDEN: usize = 64;
/// Images that calibrate besides: error feedback fits what it sees.
const CALIBRATION: usize = 48;
/// The same of a model whose checkpoint leaves less room for them, with weights of 8 bits or more.
const CALIBRATION_LARGE: usize = 16;
/// Values of all tokens of an image from which on a model is large.
const LARGE: u32 = 100_000;
/// With fewer images left over than this, the golden ones calibrate too.
const FEW: usize = 8;

/// How many images calibrate a model that is stored like this.
pub(crate) fn calibration(encoder: &EncoderConfig, scheme: Scheme) -> usize {
    let large = encoder.tokens() * encoder.embed_dim >= LARGE;
    match scheme {
        Scheme::F32 | Scheme::F16 | Scheme::Int8 if large => CALIBRATION_LARGE,
        _ => CALIBRATION,
    }
}

/// Golden images first, calibrating ones after them.
#[derive(Debug)]
pub(crate) struct Choice<'a> {
    pub(crate) images: Vec<&'a [u8]>,
    /// How many of them are golden.
    pub(crate) golden: usize,
    /// Which of them calibrate.
    pub(crate) calibration: Range<usize>,
    /// The golden images' classes; empty when unknown.
    pub(crate) labels: Vec<u32>,
}

impl<'a> Choice<'a> {
    /// Chooses from images `[height, width, 3]` of `image_size`, class by class in turn: the golden
    /// ones, and so many to calibrate.
    ///
    /// # Errors
    /// [`ExportError::Config`] when there is no image, one has another size, only some have a label,
    /// or a label names no class.
    pub(crate) fn of(
        images: &'a [GoldenImage],
        image_size: [u32; 2],
        classes: usize,
        calibration: usize,
    ) -> Result<Self, ExportError> {
        check(images, image_size, classes)?;
        let mut by_class: BTreeMap<Option<u32>, VecDeque<&GoldenImage>> = BTreeMap::new();
        for image in images {
            by_class.entry(image.label).or_default().push_back(image);
        }
        let golden = GOLDEN.max(by_class.len()).min(MAX_GOLDEN).min(images.len());
        let wanted = images.len().min(golden + calibration);
        let mut chosen = Vec::with_capacity(wanted);
        while chosen.len() < wanted {
            let turn = by_class.values_mut().filter_map(VecDeque::pop_front);
            chosen.extend(turn);
        }
        chosen.truncate(wanted);
        let calibration = if wanted - golden < FEW {
            0..wanted
        } else {
            golden..wanted
        };
        Ok(Self {
            images: chosen.iter().map(|image| &image.pixels[..]).collect(),
            golden,
            calibration,
            labels: chosen[..golden]
                .iter()
                .filter_map(|image| image.label)
                .collect(),
        })
    }

    /// The golden images.
    pub(crate) fn golden(&self) -> &[&'a [u8]] {
        &self.images[..self.golden]
    }
}

fn check(
    images: &[GoldenImage],
    [height, width]: [u32; 2],
    classes: usize,
) -> Result<(), ExportError> {
    let refuse = |reason| {
        Err(ExportError::Config {
            field: "golden images",
            reason,
        })
    };
    if images.is_empty() {
        return refuse("are none; give at least one".to_owned());
    }
    let bytes = u64::from(height) * u64::from(width) * 3;
    for (index, image) in images.iter().enumerate() {
        let found = image.pixels.len();
        if found as u64 != bytes {
            return refuse(format!(
                "are to have {bytes} bytes, {height} x {width} x 3; number {index} has {found}"
            ));
        }
        if image.label.is_some() != images[0].label.is_some() {
            return refuse(format!("have labels or have none; number {index} differs"));
        }
        if let Some(label) = image.label.filter(|&label| label as usize >= classes) {
            return refuse(format!(
                "have labels below {classes}, the number of class names; number {index} has {label}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Choice, calibration};
    use crate::GoldenImage;
    use mimlet_format::{Activation, EncoderConfig, Scheme};

    fn images(labels: impl IntoIterator<Item = Option<u32>>) -> Vec<GoldenImage> {
        let image = |(index, label)| GoldenImage {
            pixels: vec![index as u8; 3],
            label,
        };
        labels.into_iter().enumerate().map(image).collect()
    }

    #[test]
    fn classes_take_turns_and_every_class_is_golden() {
        let images = images((0..90).map(|index| Some(if index < 60 { 0 } else { index % 20 })));
        let choice = Choice::of(&images, [1, 1], 20, 16).unwrap();
        let mut labels = choice.labels.clone();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), 20);
        assert_eq!(choice.golden, 20);
        assert_eq!(choice.calibration, 20..36);
    }

    /// On as many images and rows as a small one, an export of a ViT-Base took 1.6 times its checkpoint.
    #[test]
    fn a_large_model_in_bytes_is_calibrated_on_fewer_images() {
        let of = |embed_dim, scheme| {
            let encoder = EncoderConfig {
                image_size: [224, 224],
                patch_size: 16,
                embed_dim,
                depth: 12,
                num_heads: embed_dim / 64,
                mlp_dim: embed_dim * 4,
                register_tokens: 0,
                layer_norm_eps: 1e-6,
                activation: Activation::Gelu,
            };
            calibration(&encoder, scheme)
        };
        assert_eq!(of(384, Scheme::Int8), 48);
        assert_eq!(of(768, Scheme::Int8), 16);
        assert_eq!(of(768, Scheme::Int4), 48);
    }

    #[test]
    fn too_few_images_do_both_jobs() {
        let images = images([None; 5]);
        let choice = Choice::of(&images, [1, 1], 0, 16).unwrap();
        assert_eq!((choice.golden, choice.calibration), (5, 0..5));
        assert!(choice.labels.is_empty());
    }

    #[test]
    fn unusable_images_are_refused() {
        let refusal = |labels: &[Option<u32>], size, classes| {
            let images = images(labels.iter().copied());
            Choice::of(&images, size, classes, 16)
                .unwrap_err()
                .to_string()
        };
        assert!(refusal(&[], [1, 1], 0).contains("at least one"));
        assert!(refusal(&[None], [2, 1], 0).contains("number 0 has 3"));
        assert!(refusal(&[None, Some(0)], [1, 1], 1).contains("number 1 differs"));
        assert!(refusal(&[Some(0), Some(2)], [1, 1], 2).contains("number 1 has 2"));
    }
}
