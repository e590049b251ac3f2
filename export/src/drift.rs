//! What drift is measured against: figures of the packed model on the images at hand, and bounds that
//! one window in ten thousand of such images leaves.
//!
//! Windows are drawn from the images with replacement, and looked at beside the tokens of other images:
//! the images are halved at random, each half being once the reference and once what windows are drawn
//! from, as in the field no image is one of the reference's. The bounds lie [`DEVIATIONS`] standard
//! deviations of these windows' figures from their mean, and the more the fewer images there are: the
//! mean over `n` images is itself uncertain, by `sqrt(window / n)` standard deviations of a window.

use crate::random::Random;
use mimlet_format::{Codebook, DriftReference, EncoderConfig};
use mimlet_runtime::drift::{self, DriftFigures, DriftWindow};
use mimlet_runtime::{EncodeError, Encoder, Encoding};

/// Images of a window.
pub(crate) const WINDOW: u32 = 32;
/// Fewer images than this give no bounds.
pub(crate) const FEWEST_IMAGES: usize = 32;
/// More images than this would make the bounds no better.
const MOST_IMAGES: usize = 1_024;
/// Operations spent on encoding images for this: a second or so on each core of a desktop.
const OPERATIONS: u64 = 400_000_000_000;
/// Windows drawn from each half.
const WINDOWS: usize = 2_000;
/// Seed of halves and windows.
const SEED: u64 = 0;
/// Seven one-sided bounds, one alarm in ten thousand windows between them: a normal variable is beyond
/// 4.2 of its standard deviations once in 75,000 times, and figures are nearly normal but for their
/// tails.
const DEVIATIONS: f64 = 4.5;

/// What drift is measured against, from as many of the images `[height, width, 3]` as the model's size
/// allows; `None` when there are too few.
///
/// # Errors
/// As encoding them does.
pub(crate) fn reference(
    encoder: &mut Encoder<'_>,
    config: &EncoderConfig,
    codebook: &Codebook,
    images: &[&[u8]],
) -> Result<Option<DriftReference>, EncodeError> {
    if images.len() < FEWEST_IMAGES {
        return Ok(None);
    }
    let affordable = OPERATIONS / operations(config).max(1);
    let most = (affordable as usize).clamp(FEWEST_IMAGES, MOST_IMAGES);
    let count = images.len().min(most);
    // Evenly over a list that is sorted by class.
    let chosen = (0..count).map(|index| images[index * images.len() / count]);
    let seen = chosen.map(|pixels| Ok(Seen::of(encoder.encode_pixels(pixels)?)));
    let seen = seen.collect::<Result<Vec<_>, EncodeError>>()?;
    Ok(Some(bounds(&seen, codebook.size as usize)))
}

/// Operations of an image: two for each weight of a linear layer and each token.
fn operations(config: &EncoderConfig) -> u64 {
    let [dim, hidden, tokens, depth] = [
        config.embed_dim,
        config.mlp_dim,
        config.tokens(),
        config.depth,
    ]
    .map(u64::from);
    2 * depth * tokens * dim * (4 * dim + 2 * hidden + 2 * tokens)
}

/// What windows are made of.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) tokens: Vec<u32>,
    pub(crate) distance: f32,
}

impl Seen {
    pub(crate) fn of(encoding: &Encoding) -> Self {
        Self {
            tokens: encoding.tokens.clone(),
            distance: drift::mean(&encoding.distances),
        }
    }
}

/// Counts of all images, and the bounds of windows of them.
pub(crate) fn bounds(images: &[Seen], tokens: usize) -> DriftReference {
    let mut random = Random::named(SEED, "drift");
    let mut order: Vec<&Seen> = images.iter().collect();
    for last in (1..order.len()).rev() {
        order.swap(last, (random.bits() % (last as u64 + 1)) as usize);
    }
    let (a, b) = order.split_at(order.len() / 2);
    let mut figures = windows(a, b, tokens, &mut random);
    figures.extend(windows(b, a, tokens, &mut random));
    let slack = DEVIATIONS * libm::sqrt(1.0 + f64::from(WINDOW) / images.len() as f64);
    let range = |figure: fn(&DriftFigures) -> f64| range(figures.iter().map(figure), slack);
    // The square root of a divergence is nearer to normal.
    let [_, divergence] = range(|figures| libm::sqrt(figures.divergence));
    DriftReference {
        images: images.len() as u32,
        window: WINDOW,
        token_counts: counts(images.iter(), tokens),
        max_divergence: (divergence * divergence).min(1.0) as f32,
        perplexity: range(|figures| figures.perplexity).map(|bound| bound as f32),
        median_distance: range(|figures| figures.median_distance).map(|bound| bound as f32),
        high_distance: range(|figures| figures.high_distance).map(|bound| bound as f32),
    }
}

/// Figures of windows drawn from `half` beside the tokens of `reference`.
fn windows(
    reference: &[&Seen],
    half: &[&Seen],
    tokens: usize,
    random: &mut Random,
) -> Vec<DriftFigures> {
    let frequencies = drift::frequencies(&counts(reference.iter().copied(), tokens));
    let mut window = DriftWindow::new(tokens, WINDOW as usize);
    let draw = |_| {
        window.clear();
        for _ in 0..WINDOW {
            let image = half[(random.bits() % half.len() as u64) as usize];
            window.push(&image.tokens, image.distance);
        }
        window.figures(&frequencies)
    };
    (0..WINDOWS).map(draw).collect()
}

fn counts<'a>(images: impl Iterator<Item = &'a Seen>, tokens: usize) -> Vec<u32> {
    let mut counts = vec![0; tokens];
    for &token in images.flat_map(|image| &image.tokens) {
        counts[token as usize] += 1;
    }
    counts
}

/// `slack` standard deviations about the mean, or as far as the values go; not below 0.
fn range(values: impl Iterator<Item = f64> + Clone, slack: f64) -> [f64; 2] {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    let variance = values.clone().map(|value| (value - mean) * (value - mean));
    let deviation = libm::sqrt(variance.sum::<f64>() / count);
    let lowest = values.clone().fold(f64::INFINITY, f64::min);
    let highest = values.fold(0.0, f64::max);
    [
        (mean - slack * deviation).min(lowest).max(0.0),
        (mean + slack * deviation).max(highest),
    ]
}

#[cfg(test)]
mod tests {
    use super::{FEWEST_IMAGES, Seen, WINDOW, bounds};
    use crate::random::Random;
    use mimlet_runtime::Encoding;
    use mimlet_runtime::drift::DriftMonitor;

    /// Images of ten kinds, each with tokens of its own: images of a kind are alike, as photos are.
    fn images(count: usize, seed: u64, shift: f64) -> Vec<Seen> {
        let mut random = Random::named(seed, "images");
        let image = |_| {
            let kind = (random.unit() * 10.0) as u32;
            let token = |random: &mut Random| match random.unit() {
                0.0..0.5 => kind * 3 + (random.unit() * 3.0) as u32,
                _ => (random.unit() * 40.0) as u32,
            };
            Seen {
                tokens: (0..64).map(|_| token(&mut random)).collect(),
                distance: (4.0 + shift + random.between(-0.5, 0.5) + f64::from(kind) / 10.0) as f32,
            }
        };
        (0..count).map(image).collect()
    }

    fn alarms(reference: &[Seen], field: &[Seen], windows: usize) -> usize {
        let mut monitor = DriftMonitor::new(&bounds(reference, 40));
        let mut random = Random::named(9, "field");
        let mut alarms = 0;
        for _ in 0..windows * WINDOW as usize {
            let image = &field[(random.bits() % field.len() as u64) as usize];
            let encoding = Encoding {
                tokens: image.tokens.clone(),
                distances: vec![image.distance; 64],
                ..Encoding::default()
            };
            let report = monitor.push(&encoding);
            alarms += usize::from(report.is_some_and(|report| !report.alarms.is_empty()));
        }
        alarms
    }

    #[test]
    fn one_window_in_ten_thousand_of_unchanged_images_raises_an_alarm() {
        // Of images that no bound was made from, from as many as a user may have and from few.
        let field = images(20_000, 2, 0.0);
        for count in [1_000, 120, FEWEST_IMAGES] {
            let found = alarms(&images(count, 1, 0.0), &field, 10_000);
            assert!(found <= 3, "{found} alarms with {count} images");
        }
    }

    #[test]
    fn a_shift_of_features_is_found_within_two_hundred_images() {
        let reference = images(120, 1, 0.0);
        let found = alarms(&reference, &images(1_000, 2, 0.6), 6);
        assert!(found > 0, "no alarm in 192 images");
    }

    #[test]
    fn tokens_that_go_missing_are_found() {
        let reference = images(120, 1, 0.0);
        let mut field = images(1_000, 2, 0.0);
        for image in &mut field {
            image.tokens.iter_mut().for_each(|token| *token %= 12);
        }
        assert_eq!(alarms(&reference, &field, 6), 6);
    }
}
