//! Which part of an image a random crop takes: torchvision's `RandomResizedCrop.get_params`, after
//! the Inception crop (Szegedy et al. 2014, arXiv 1409.4842, section 6).

use mimlet_image::CropBox;

use crate::random::Stream;

/// Draws before the centre is taken instead.
const TRIES: usize = 10;

/// A box of a `[width, height]` image whose share of the area is uniform in `scale` and whose
/// ratio of width to height is log-uniform in `ratio`. Where ten draws do not fit into the image,
/// the largest centred box of an allowed ratio.
pub(crate) fn random_box(
    [width, height]: [u32; 2],
    scale: [f64; 2],
    ratio: [f64; 2],
    random: &mut Stream,
) -> CropBox {
    let area = f64::from(width) * f64::from(height);
    let log_ratio = ratio.map(libm::log);
    for _ in 0..TRIES {
        let target = area * between(scale, random);
        let shape = libm::exp(between(log_ratio, random));
        // Halves to even, as Python rounds. Casts saturate, so a wild ratio only fails to fit.
        let part_width = (target * shape).sqrt().round_ties_even() as u32;
        let part_height = (target / shape).sqrt().round_ties_even() as u32;
        if (1..=width).contains(&part_width) && (1..=height).contains(&part_height) {
            return CropBox {
                top: random.below((height - part_height) as usize + 1) as u32,
                left: random.below((width - part_width) as usize + 1) as u32,
                width: part_width,
                height: part_height,
            };
        }
    }
    centre([width, height], ratio)
}

/// Uniform between two numbers.
fn between([low, high]: [f64; 2], random: &mut Stream) -> f64 {
    low + (high - low) * random.uniform_f64()
}

/// The largest centred box whose ratio is allowed.
fn centre([width, height]: [u32; 2], [low, high]: [f64; 2]) -> CropBox {
    let shape = f64::from(width) / f64::from(height);
    let rounded = |side: f64, most: u32| (side.round_ties_even() as u32).clamp(1, most);
    let (part_width, part_height) = if shape < low {
        (width, rounded(f64::from(width) / low, height))
    } else if shape > high {
        (rounded(f64::from(height) * high, width), height)
    } else {
        (width, height)
    };
    CropBox {
        left: (width - part_width) / 2,
        top: (height - part_height) / 2,
        width: part_width,
        height: part_height,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATIO: [f64; 2] = [3.0 / 4.0, 4.0 / 3.0];

    #[test]
    fn boxes_lie_inside_and_keep_to_area_and_ratio() {
        let mut places = std::collections::BTreeSet::new();
        for key in 0..500 {
            let part = random_box([500, 375], [0.2, 1.0], RATIO, &mut Stream::new(&[key]));
            assert!(part.left + part.width <= 500 && part.top + part.height <= 375);
            let share = f64::from(part.width * part.height) / (500.0 * 375.0);
            assert!((0.195..=1.0).contains(&share), "{share}");
            let ratio = f64::from(part.width) / f64::from(part.height);
            assert!((0.74..=1.345).contains(&ratio), "{ratio}");
            places.insert((part.left, part.top));
        }
        assert!(places.len() > 400);
    }

    #[test]
    fn area_is_uniform_and_ratio_log_uniform() {
        // A huge image fits nearly every draw of these scales, so the means are those of the laws.
        let draws = 4000;
        let (mut share, mut log_ratio) = (0.0, 0.0);
        for key in 0..draws {
            let part = random_box([4000, 4000], [0.1, 0.5], RATIO, &mut Stream::new(&[7, key]));
            let (width, height) = (f64::from(part.width), f64::from(part.height));
            share += width * height / 16e6 / draws as f64;
            log_ratio += libm::log(width / height) / draws as f64;
        }
        // Standard deviations of the means: 0.4 / sqrt(12 n) = 0.0018 and 0.575 / sqrt(12 n).
        assert!((share - 0.3).abs() < 0.008, "{share}");
        assert!(log_ratio.abs() < 0.012, "{log_ratio}");
    }

    #[test]
    fn what_never_fits_gives_the_centre_as_torchvision_does() {
        // By get_params' own arithmetic: round(10 * 4/3) = 13 pixels along, (1000 - 13) // 2 = 493.
        let wide = random_box([1000, 10], [1.0, 1.0], RATIO, &mut Stream::new(&[1]));
        assert_eq!(
            (wide.left, wide.top, wide.width, wide.height),
            (493, 0, 13, 10)
        );
        let tall = random_box([10, 1000], [1.0, 1.0], RATIO, &mut Stream::new(&[1]));
        assert_eq!(
            (tall.left, tall.top, tall.width, tall.height),
            (0, 493, 10, 13)
        );
        for size in [[1, 1], [1, 1000], [3, 2], [32_768, 1]] {
            let part = random_box(size, [0.2, 1.0], RATIO, &mut Stream::new(&[2]));
            assert!(part.width >= 1 && part.left + part.width <= size[0]);
            assert!(part.height >= 1 && part.top + part.height <= size[1]);
        }
    }
}
