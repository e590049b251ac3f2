//! Seeded labelled images: ten classes told apart by shape and texture together, with everything
//! else (position, scale, rotation, colours, clutter, noise) free, so that raw pixels alone do not
//! give the class away.
//!
//! An image is a pure function of (seed, index, class), the same on every machine: the mathematics
//! is libm's, not the platform's.

mod canvas;
mod scene;
mod shape;
mod texture;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::data::ImageSet;
use crate::error::TrainError;
use shape::Shape;
use texture::Texture;

/// Height and width of a synthetic image, pixels.
pub const SIDE: usize = 64;

/// The classes, in label order (which is also their alphabetical order, as in a folder).
const CLASSES: [(&str, Shape, Texture); 10] = [
    ("bars", Shape::Bars, Texture::Waves),
    ("corner", Shape::Corner, Texture::Zigzag),
    ("crescent", Shape::Crescent, Texture::Dots),
    ("cross", Shape::Cross, Texture::Checker),
    ("disc", Shape::Disc, Texture::Stripes),
    ("hexagon", Shape::Hexagon, Texture::Bricks),
    ("ring", Shape::Ring, Texture::Speckle),
    ("square", Shape::Square, Texture::Rings),
    ("star", Shape::Star, Texture::Grid),
    ("triangle", Shape::Triangle, Texture::Spokes),
];

/// Which images to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SynthConfig {
    /// Number of images, over all classes in turn.
    pub images: usize,
    /// Seed. Sets of different seeds share no image.
    pub seed: u64,
}

/// Names of the classes; a label is an index into them.
pub fn class_names() -> Vec<String> {
    CLASSES
        .iter()
        .map(|(name, ..)| (*name).to_owned())
        .collect()
}

/// One image: u8 RGB, [`SIDE`] x [`SIDE`], rows first.
///
/// ```
/// use mimlet_train::synth;
///
/// let image = synth::image(1, 0, 4)?;
/// assert_eq!(image.len(), synth::SIDE * synth::SIDE * 3);
/// assert_eq!(image, synth::image(1, 0, 4)?);
/// # Ok::<(), mimlet_train::TrainError>(())
/// ```
///
/// # Errors
/// [`TrainError::Config`] when there is no such class.
pub fn image(seed: u64, index: usize, class: usize) -> Result<Vec<u8>, TrainError> {
    let &(_, shape, texture) = CLASSES.get(class).ok_or_else(|| {
        TrainError::Config(format!("class {class}: synth has 10 classes, 0 to 9"))
    })?;
    Ok(scene::draw(
        shape,
        texture,
        &[seed, index as u64, class as u64],
    ))
}

/// The set that `config` asks for, in memory; image `i` has class `i % 10`.
///
/// # Errors
/// [`TrainError::Config`] when no image is asked for.
pub fn generate(config: SynthConfig) -> Result<ImageSet, TrainError> {
    let classes = CLASSES.len();
    let images: Vec<Vec<u8>> = (0..config.images)
        .into_par_iter()
        .map(|i| image(config.seed, i / classes, i % classes))
        .collect::<Result<_, _>>()?;
    let labels = (0..config.images).map(|i| (i % classes) as u32).collect();
    ImageSet::new([SIDE, SIDE], images.concat(), labels, class_names())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_functions_of_seed_index_and_class() {
        let image_of = |seed, index, class| image(seed, index, class).unwrap();
        assert_eq!(image_of(3, 5, 2), image_of(3, 5, 2));
        for other in [image_of(4, 5, 2), image_of(3, 6, 2), image_of(3, 5, 1)] {
            assert_ne!(image_of(3, 5, 2), other);
        }
        assert!(image(3, 5, 10).is_err());
    }

    #[test]
    fn pinned_pixels_stay_what_they_were() {
        // The released models were trained on these pixels.
        let digest = blake3::hash(
            &generate(SynthConfig {
                images: 20,
                seed: 1,
            })
            .unwrap()
            .pixels,
        );
        assert_eq!(digest.to_hex()[..16], *"b4e10c1a9287b8cd");
    }

    #[test]
    fn mean_colour_does_not_tell_the_class() {
        let set = generate(SynthConfig {
            images: 600,
            seed: 9,
        })
        .unwrap();
        let mean = |i: usize| {
            let sum: u64 = set.image(i).iter().map(|&v| u64::from(v)).sum();
            sum as f64 / set.image(i).len() as f64
        };
        let mut by_class = vec![Vec::new(); 10];
        for i in 0..set.labels.len() {
            by_class[set.labels[i] as usize].push(mean(i));
        }
        let averages: Vec<f64> = by_class
            .iter()
            .map(|v| v.iter().sum::<f64>() / v.len() as f64)
            .collect();
        let spread = |v: &[f64]| {
            let mean = v.iter().sum::<f64>() / v.len() as f64;
            (v.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / v.len() as f64).sqrt()
        };
        // Between classes the mean brightness varies far less than within one.
        assert!(spread(&averages) < 0.35 * spread(&by_class.concat()));
    }
}
