//! How patches, and what is guessed of them, look as pixels.

use super::targets::{HostTargets, Targets, moments};
use crate::config::ModelConfig;

/// A patch's pixels, u8 `[p, p, 3]`.
pub(crate) type Tile = Vec<u8>;

/// A normalised patch, `[3, p, p]`, as pixels.
pub(crate) fn pixels(model: &ModelConfig, patch: &[f32]) -> Tile {
    let area = model.patch_size.pow(2);
    let level = |at: usize, channel: usize| {
        let value = patch[channel * area + at] * model.std[channel] + model.mean[channel];
        (value * 255.0).round().clamp(0.0, 255.0) as u8
    };
    (0..area)
        .flat_map(|at| [0, 1, 2].map(|channel| level(at, channel)))
        .collect()
}

/// Row `row` of `guessed` as pixels. A token is drawn as the patch it stands for, or, in a space
/// of features, in a colour of its own; standardised pixels get mean and deviation back from
/// `patch`, the real one, as in MAE's own pictures.
pub(crate) fn tile(
    model: &ModelConfig,
    targets: &Targets,
    guessed: &HostTargets,
    row: usize,
    patch: &[f32],
) -> Tile {
    match (guessed, targets) {
        (HostTargets::Tokens(tokens), Targets::Tokens(tokenizer)) => {
            match tokenizer.look(tokens[row]) {
                Some(center) => pixels(model, center),
                None => colour(tokens[row]).repeat(model.patch_size.pow(2)),
            }
        }
        (HostTargets::Tokens(tokens), Targets::Pixels) => {
            colour(tokens[row]).repeat(model.patch_size.pow(2))
        }
        (HostTargets::Pixels(values), _) => {
            let (mean, scale) = moments(patch);
            let values = &values[row * patch.len()..(row + 1) * patch.len()];
            let restored: Vec<f32> = values.iter().map(|v| v / scale + mean).collect();
            pixels(model, &restored)
        }
    }
}

/// Neighbouring tokens get hues far apart: steps of the golden angle.
fn colour(token: u32) -> [u8; 3] {
    let turn = f64::from(token) * 0.618_033_988_749_895 % 1.0;
    [0.0, 2.0 / 3.0, 1.0 / 3.0].map(|offset| {
        let hue = (turn + offset) % 1.0;
        let level = ((hue * 6.0 - 3.0).abs() - 1.0).clamp(0.0, 1.0);
        (60.0 + 180.0 * level) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patches::write_patches;
    use crate::pretrain::tiny;

    #[test]
    fn a_patch_looks_like_the_pixels_it_came_from() {
        let model = tiny::config().model;
        let image: Vec<u8> = (0..64 * 64 * 3).map(|i| (i * 7 % 251) as u8).collect();
        let mut patches = vec![0.0; image.len()];
        write_patches(&model, &image, &mut patches);
        let tile = pixels(&model, &patches[..model.patch_dim()]);
        for row in 0..16 {
            assert_eq!(
                tile[row * 48..(row + 1) * 48],
                image[row * 192..row * 192 + 48]
            );
        }
    }

    #[test]
    fn standardised_pixels_come_back() {
        let model = tiny::config().model;
        let patch: Vec<f32> = (0..model.patch_dim())
            .map(|i| (i as f32 * 0.37).sin())
            .collect();
        let (mean, scale) = moments(&patch);
        let standard = patch.iter().map(|v| (v - mean) * scale).collect();
        let guessed = HostTargets::Pixels(standard);
        let shown = tile(&model, &Targets::Pixels, &guessed, 0, &patch);
        let expected = pixels(&model, &patch);
        assert!(
            shown
                .iter()
                .zip(&expected)
                .all(|(a, b)| a.abs_diff(*b) <= 1)
        );
    }

    #[test]
    fn tokens_differ_in_colour() {
        let mut colours: Vec<[u8; 3]> = (0..100).map(colour).collect();
        colours.sort_unstable();
        colours.dedup();
        assert!(colours.len() > 95);
    }
}
