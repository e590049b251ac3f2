//! Augmentation: a random crop, or the device's own resize and crop, then a mirrored shift.

use mimlet_image::{RgbImage, crop_and_resize};

use super::crop::random_box;
use super::prepared::preprocessor;
use crate::config::{DataConfig, ModelConfig};
use crate::error::TrainError;
use crate::random::Stream;

/// Ratios of a random crop when none are configured, as in torchvision.
const RATIO: [f64; 2] = [3.0 / 4.0, 4.0 / 3.0];

/// A view of `image` at the model's size, u8 `[size, size, 3]`: a pure function of the image and
/// `random`. An image that has the model's size already is copied when no crop is configured.
///
/// # Errors
/// [`TrainError::Image`] when the resampler refuses the image.
pub fn augment(
    config: &DataConfig,
    model: &ModelConfig,
    image: &RgbImage,
    random: &mut Stream,
) -> Result<Vec<u8>, TrainError> {
    let size = model.image_size;
    if let Some(scale) = config.crop_scale {
        let ratio = config.crop_ratio.unwrap_or(RATIO);
        let part = random_box([image.width(), image.height()], scale, ratio, random);
        let view = crop_and_resize(image, part, [size as u32; 2])?;
        return Ok(shifted(config, size, view.pixels(), random));
    }
    let fits = [image.width() as usize, image.height() as usize] == [size; 2];
    if fits && model.resize == size {
        return Ok(shifted(config, size, image.pixels(), random));
    }
    let view = preprocessor(model)?.resize_and_crop(image);
    Ok(shifted(config, size, view.pixels(), random))
}

/// A mirrored and shifted copy of a u8 `[size, size, 3]` image. The border is filled by
/// reflection about the edge pixel, so no new colour or edge appears.
fn shifted(config: &DataConfig, size: usize, image: &[u8], random: &mut Stream) -> Vec<u8> {
    let flip = config.flip && random.below(2) == 1;
    let mut shift = || random.below(2 * config.shift + 1) as isize - config.shift as isize;
    let (down, right) = (shift(), shift());
    if !flip && down == 0 && right == 0 {
        return image.to_vec();
    }
    let mut out = Vec::with_capacity(image.len());
    for row in 0..size {
        let from_row = reflect(row as isize + down, size);
        for column in 0..size {
            let mirrored = if flip { size - 1 - column } else { column };
            let from_column = reflect(mirrored as isize + right, size);
            let start = (from_row * size + from_column) * 3;
            out.extend_from_slice(&image[start..start + 3]);
        }
    }
    out
}

/// Index `at`, reflected into `0..size`; `at` lies within one `size` of it.
fn reflect(at: isize, size: usize) -> usize {
    let last = size as isize - 1;
    let folded = if at < 0 { -at } else { at };
    (if folded > last {
        2 * last - folded
    } else {
        folded
    })
    .max(0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pretrain::tiny;

    #[test]
    fn without_flip_and_shift_nothing_changes() {
        let image: Vec<u8> = (0..48).collect();
        let config = DataConfig::default();
        assert_eq!(shifted(&config, 4, &image, &mut Stream::new(&[1])), image);
    }

    #[test]
    fn rows_hold_only_colours_of_the_image_in_either_direction() {
        let image: Vec<u8> = (0..16).flat_map(|i| [i, i, i]).collect();
        let config = DataConfig {
            flip: true,
            shift: 2,
            ..DataConfig::default()
        };
        let mut mirrored = 0;
        for key in 0..40 {
            let out = shifted(&config, 4, &image, &mut Stream::new(&[key]));
            assert_eq!(out.len(), image.len());
            assert!(out.iter().all(|v| *v < 16));
            mirrored += usize::from(out[3] < out[0]);
        }
        assert!((5..35).contains(&mirrored));
    }

    /// An image whose pixel values grow to the right, 100 x 80.
    fn ramp() -> RgbImage {
        let rows = (0..80 * 100).flat_map(|at| [(at % 100 * 2) as u8; 3]);
        RgbImage::new(100, 80, rows.collect()).unwrap()
    }

    #[test]
    fn any_size_becomes_the_models_as_on_a_device() {
        let model = tiny::config().model;
        let plain = DataConfig::default();
        let view = augment(&plain, &model, &ramp(), &mut Stream::new(&[1])).unwrap();
        let device = preprocessor(&model).unwrap();
        assert_eq!(view, device.resize_and_crop(&ramp()).pixels());
    }

    #[test]
    fn random_crops_differ_by_key_alone_and_may_be_mirrored() {
        let model = tiny::config().model;
        let config = DataConfig {
            flip: true,
            crop_scale: Some([0.2, 1.0]),
            ..DataConfig::default()
        };
        let view = |key| augment(&config, &model, &ramp(), &mut Stream::new(&[key])).unwrap();
        assert_eq!(view(1), view(1));
        let views: Vec<Vec<u8>> = (0..20).map(view).collect();
        assert!(views.iter().all(|view| view.len() == 64 * 64 * 3));
        assert!((1..20).all(|key| views[key] != views[0]));
        let falling = views.iter().filter(|view| view[63 * 3] < view[0]).count();
        assert!((3..18).contains(&falling), "{falling} of 20 are mirrored");
    }
}
