//! Mixup (Zhang et al. 2017, arXiv 1710.09412) and cutmix (Yun et al. 2019, arXiv 1905.04899), by
//! whole batches as in timm: image `i` meets image `n - 1 - i`.

use super::config::FinetuneConfig;
use super::erase::Rectangle;
use crate::config::ModelConfig;
use crate::random::Stream;

/// How a batch's images are mixed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mix {
    /// Each pixel is this share of the image's own, the rest its partner's.
    Blend(f32),
    /// This part of the image is its partner's.
    Paste(Rectangle),
}

/// What the batch of `random` shall be; none when neither is asked for.
pub(crate) fn draw(config: &FinetuneConfig, size: usize, random: &mut Stream) -> Option<Mix> {
    let paste = match (config.mixup > 0.0, config.cutmix > 0.0) {
        (false, false) => return None,
        (true, true) => random.below(2) == 1,
        (_, cutmix) => cutmix,
    };
    if !paste {
        return Some(Mix::Blend(beta(config.mixup, random) as f32));
    }
    // A rectangle of the image's own proportions about any point, cut off at the border.
    let side = size as f64 * (1.0 - beta(config.cutmix, random)).sqrt();
    let half = (side as usize / 2) as isize;
    let mut span = || {
        let middle = random.below(size) as isize;
        let [from, to] = [middle - half, middle + half].map(|at| at.clamp(0, size as isize));
        (from as usize, (to - from) as usize)
    };
    let ((top, height), (left, width)) = (span(), span());
    Some(Mix::Paste(Rectangle {
        top,
        left,
        height,
        width,
    }))
}

impl Mix {
    /// Mixes `patches`, `[images, patches, 3 p p]`, and `targets`, `[images, classes]`.
    pub(crate) fn apply(
        self,
        model: &ModelConfig,
        patches: &mut [f32],
        targets: &mut [f32],
        classes: usize,
    ) {
        let values = model.patches() * model.patch_dim();
        let own = match self {
            Self::Blend(own) => {
                blend(patches, values, own);
                own
            }
            Self::Paste(part) => {
                let partners = reversed(patches, values);
                let images = patches.chunks_exact_mut(values);
                for (image, partner) in images.zip(partners.chunks_exact(values)) {
                    for place in part.places(model) {
                        image[place] = partner[place];
                    }
                }
                // What was cut off at the border is not pasted and does not count.
                1.0 - (part.height * part.width) as f32 / model.image_size.pow(2) as f32
            }
        };
        blend(targets, classes, own);
    }
}

/// `own * row + (1 - own) * partner`.
fn blend(values: &mut [f32], width: usize, own: f32) {
    let partners = reversed(values, width);
    for (value, partner) in values.iter_mut().zip(partners) {
        *value = own * *value + (1.0 - own) * partner;
    }
}

/// The rows of `width` in reverse order.
fn reversed(values: &[f32], width: usize) -> Vec<f32> {
    values
        .chunks_exact(width)
        .rev()
        .flatten()
        .copied()
        .collect()
}

/// Beta(a, a) as `x / (x + y)` of two Gamma(a).
fn beta(shape: f64, random: &mut Stream) -> f64 {
    let (x, y) = (gamma(shape, random), gamma(shape, random));
    // Both vanish only for tiny shapes, whose distribution is all at the ends.
    if x + y > 0.0 { x / (x + y) } else { 1.0 }
}

/// Gamma(shape, 1) by Marsaglia and Tsang (2000); below 1 by the boost of their section 6.
fn gamma(shape: f64, random: &mut Stream) -> f64 {
    if shape < 1.0 {
        let boost = libm::pow(1.0 - random.uniform_f64(), 1.0 / shape);
        return gamma(shape + 1.0, random) * boost;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = f64::from(random.normal());
        let v = (1.0 + c * x).powi(3);
        let u = 1.0 - random.uniform_f64();
        if v > 0.0 && libm::log(u) < 0.5 * x * x + d - d * v + d * libm::log(v) {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pretrain::tiny;

    #[test]
    fn beta_has_its_mean_and_variance() {
        for shape in [0.2, 0.8, 1.0, 4.0] {
            let mut random = Stream::new(&[3]);
            let draws: Vec<f64> = (0..20_000).map(|_| beta(shape, &mut random)).collect();
            let mean = draws.iter().sum::<f64>() / 20_000.0;
            let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
            let expected = 1.0 / (4.0 * (2.0 * shape + 1.0));
            assert!((mean - 0.5).abs() < 0.01, "{shape}: mean {mean}");
            assert!(
                (variance / expected - 1.0).abs() < 0.04,
                "{shape}: {variance}"
            );
        }
    }

    #[test]
    fn images_and_targets_are_mixed_in_the_same_shares() {
        let model = tiny::config().model;
        let values = model.patches() * model.patch_dim();
        let part = Rectangle {
            top: 0,
            left: 32,
            height: 32,
            width: 32,
        };
        for (mix, own) in [(Mix::Blend(0.3), 0.3), (Mix::Paste(part), 0.75)] {
            // The first image is 1 everywhere, the second 0; so are their targets.
            let mut patches = [vec![1.0; values], vec![0.0; values]].concat();
            let mut targets = vec![1.0, 0.0, 0.0, 1.0];
            mix.apply(&model, &mut patches, &mut targets, 2);
            let mean = patches[..values].iter().sum::<f32>() / values as f32;
            assert!((mean - own).abs() < 1e-4, "{mix:?}: {mean}");
            for (target, expected) in targets.iter().zip([own, 1.0 - own, 1.0 - own, own]) {
                assert!((target - expected).abs() < 1e-6, "{mix:?}: {targets:?}");
            }
        }
    }

    #[test]
    fn each_kind_is_drawn_when_asked_for() {
        let drawn = |mixup, cutmix| {
            let config = FinetuneConfig {
                mixup,
                cutmix,
                ..FinetuneConfig::default()
            };
            let draws = (0..40).map(|key| draw(&config, 64, &mut Stream::new(&[key])));
            let draws: Vec<Option<Mix>> = draws.collect();
            let pastes = draws
                .iter()
                .filter(|mix| matches!(mix, Some(Mix::Paste(_))));
            (
                pastes.count(),
                draws.iter().filter(|mix| mix.is_none()).count(),
            )
        };
        assert_eq!(drawn(0.0, 0.0), (0, 40));
        assert_eq!(drawn(0.8, 0.0), (0, 0));
        assert_eq!(drawn(0.0, 1.0), (40, 0));
        assert!((8..32).contains(&drawn(0.8, 1.0).0));
    }
}
