//! Augmentation that costs no more than a copy: a mirrored shift.

use mimlet_image::RgbImage;

use crate::config::{DataConfig, ModelConfig};
use crate::error::TrainError;
use crate::random::Stream;

/// A view of `image` at the model's size, u8 `[size, size, 3]`: a pure function of the image and
/// `random`.
///
/// # Errors
/// [`TrainError::Config`] when the image has another size than the model's.
pub fn augment(
    config: &DataConfig,
    model: &ModelConfig,
    image: &RgbImage,
    random: &mut Stream,
) -> Result<Vec<u8>, TrainError> {
    let size = model.image_size;
    if [image.width() as usize, image.height() as usize] != [size; 2] {
        return Err(TrainError::Config(format!(
            "an image is {} x {} pixels, model.image_size is {size}",
            image.width(),
            image.height()
        )));
    }
    Ok(shifted(config, size, image.pixels(), random))
}

/// A mirrored and shifted copy of a u8 `[size, size, 3]` image. The border is filled by
/// reflection about the edge pixel, so no new colour or edge appears.
fn shifted(config: &DataConfig, size: usize, image: &[u8], random: &mut Stream) -> Vec<u8> {
    let flip = config.flip && random.below(2) == 1;
    let mut shift = || random.below(2 * config.shift + 1) as isize - config.shift as isize;
    let (down, right) = (shift(), shift());
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

    #[test]
    fn without_flip_and_shift_nothing_changes() {
        let image: Vec<u8> = (0..48).collect();
        let config = DataConfig {
            synth: None,
            flip: false,
            shift: 0,
        };
        assert_eq!(shifted(&config, 4, &image, &mut Stream::new(&[1])), image);
    }

    #[test]
    fn rows_hold_only_colours_of_the_image_in_either_direction() {
        let image: Vec<u8> = (0..16).flat_map(|i| [i, i, i]).collect();
        let config = DataConfig {
            synth: None,
            flip: true,
            shift: 2,
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
}
