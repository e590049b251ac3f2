//! Random erasing (Zhong et al. 2017, arXiv 1708.04896): a rectangle of a normalised image becomes
//! standard normal noise.

use crate::config::ModelConfig;
use crate::random::Stream;

/// Share of the image's area, lowest and highest.
const AREA: [f32; 2] = [0.02, 1.0 / 3.0];
/// Height over width is between this and its inverse.
const ASPECT: f32 = 0.3;
/// Draws of a rectangle that fits before the image is left as it is.
const ATTEMPTS: usize = 10;

/// Some of an image's pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rectangle {
    pub(crate) top: usize,
    pub(crate) left: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl Rectangle {
    /// The places of its values in an image's patches, as [`crate::patches::write_patches`] lays
    /// them.
    pub(crate) fn places(self, model: &ModelConfig) -> impl Iterator<Item = usize> {
        let (side, dim) = (model.patch_size, model.patch_dim());
        let grid = model.image_size / side;
        let rows = self.top..self.top + self.height;
        rows.flat_map(move |row| {
            let columns = self.left..self.left + self.width;
            columns.flat_map(move |column| {
                let patch = row / side * grid + column / side;
                let pixel = row % side * side + column % side;
                (0..3).map(move |channel| patch * dim + channel * side * side + pixel)
            })
        })
    }
}

/// Erases a rectangle of one image's `patches` with probability `share`.
pub(crate) fn erase(model: &ModelConfig, share: f64, patches: &mut [f32], random: &mut Stream) {
    if random.uniform_f64() >= share {
        return;
    }
    let Some(rectangle) = draw(model.image_size, random) else {
        return;
    };
    for place in rectangle.places(model) {
        patches[place] = random.normal();
    }
}

/// A rectangle inside an image of `size` pixels a side.
fn draw(size: usize, random: &mut Stream) -> Option<Rectangle> {
    for _ in 0..ATTEMPTS {
        let area = random.range(AREA[0], AREA[1]) * (size * size) as f32;
        let bound = libm::logf(1.0 / ASPECT);
        let aspect = libm::expf(random.range(-bound, bound));
        let height = libm::roundf((area * aspect).sqrt()) as usize;
        let width = libm::roundf((area / aspect).sqrt()) as usize;
        if (1..size).contains(&height) && (1..size).contains(&width) {
            return Some(Rectangle {
                top: random.below(size - height + 1),
                left: random.below(size - width + 1),
                height,
                width,
            });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patches::write_patches;
    use crate::pretrain::tiny;

    #[test]
    fn places_are_those_of_the_pixels() {
        let model = tiny::config().model;
        let size = model.image_size;
        let rectangle = Rectangle {
            top: 13,
            left: 5,
            height: 20,
            width: 30,
        };
        let inside = |at: usize| {
            let (row, column) = (at / 3 / size, at / 3 % size);
            (13..33).contains(&row) && (5..35).contains(&column)
        };
        let image: Vec<u8> = (0..size * size * 3)
            .map(|at| if inside(at) { 255 } else { 0 })
            .collect();
        let (mut shown, mut black) = (vec![0.0; image.len()], vec![0.0; image.len()]);
        write_patches(&model, &image, &mut shown);
        write_patches(&model, &vec![0; image.len()], &mut black);
        let mut places: Vec<usize> = rectangle.places(&model).collect();
        places.sort_unstable();
        let bright = (0..shown.len()).filter(|&at| shown[at] != black[at]);
        assert_eq!(places, bright.collect::<Vec<_>>());
    }

    #[test]
    fn as_many_images_are_erased_as_asked_and_never_much_of_one() {
        let model = tiny::config().model;
        let count = model.patches() * model.patch_dim();
        let erased: Vec<f64> = (0..400)
            .map(|key| {
                let mut patches = vec![9.0; count];
                erase(&model, 0.25, &mut patches, &mut Stream::new(&[key]));
                patches.iter().filter(|v| **v != 9.0).count() as f64 / count as f64
            })
            .collect();
        let touched = erased.iter().filter(|share| **share > 0.0).count();
        assert!((70..130).contains(&touched), "{touched}");
        let within = |share: &f64| *share == 0.0 || (0.015..0.36).contains(share);
        assert!(erased.iter().all(within));
    }
}
