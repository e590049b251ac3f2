//! Positions for an image size that a checkpoint was not made for.

use serde::Serialize;

/// How positions are taken from one grid of patches to another. The libraries differ, and so do the
/// features: take the rule of the code that the model was judged with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PositionRule {
    /// timm's `resample_abs_pos_embed`, and transformers' DINOv2 with registers: bicubic with
    /// antialiasing, which for upsampling too is another kernel than without (a = -0.5).
    Timm,
    /// transformers' `interpolate_pos_encoding` of ViT and DINOv2: bicubic without antialiasing
    /// (a = -0.75), corners not aligned.
    HuggingFace,
    /// Meta's DINO and DINOv2 without registers: as [`PositionRule::HuggingFace`], but the scale is
    /// that of a grid larger by 0.1 cells, which shifts every position a little.
    Dinov2,
}

impl PositionRule {
    /// The rule in words, for notes.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Timm => "timm's rule: bicubic, antialiased",
            Self::HuggingFace => "Hugging Face's rule: bicubic, not antialiased",
            Self::Dinov2 => "DINOv2's rule: bicubic, scaled for a grid 0.1 cells larger",
        }
    }

    /// How far apart neighbours of the new grid are on the old one.
    fn step(self, old: usize, new: usize) -> f64 {
        let (old, new) = (old as f64, new as f64);
        match self {
            // The factor goes through f32 on its way in PyTorch's interpolate.
            Self::Dinov2 => f64::from((1.0 / ((new + 0.1) / old)) as f32),
            _ => old / new,
        }
    }
}

/// Resamples `[rows, columns, dim]` positions of the old grid to the new one's.
pub(super) fn resample(
    rule: PositionRule,
    values: &[f32],
    old: [usize; 2],
    new: [usize; 2],
) -> Vec<f32> {
    let dim = values.len() / (old[0] * old[1]);
    let taps = |side: usize| taps(rule, old[side], new[side]);
    let (rows, columns) = (taps(0), taps(1));
    // Along each row first, as PyTorch does.
    let narrow: Vec<f32> = values
        .chunks_exact(old[1] * dim)
        .flat_map(|row| columns.iter().flat_map(|taps| weighted(taps, row, dim)))
        .collect();
    let width = new[1] * dim;
    let rows = rows.iter().flat_map(|taps| weighted(taps, &narrow, width));
    rows.collect()
}

/// The sum of vectors of `width` values, each by its index and weight.
fn weighted(taps: &[(usize, f64)], values: &[f32], width: usize) -> Vec<f32> {
    let at = |index: usize, i: usize| f64::from(values[index * width + i]);
    let sum = |i| {
        taps.iter()
            .map(|&(index, weight)| weight * at(index, i))
            .sum::<f64>() as f32
    };
    (0..width).map(sum).collect()
}

/// Of every new index, the old ones it is made of and their weights.
fn taps(rule: PositionRule, old: usize, new: usize) -> Vec<Vec<(usize, f64)>> {
    let step = rule.step(old, new);
    let of = |i: usize| match rule {
        PositionRule::Timm => antialiased(step, old, i),
        _ => plain(step, old, i),
    };
    (0..new).map(of).collect()
}

/// PyTorch's `upsample_bicubic2d`, `align_corners=False`: four neighbours, those beyond an edge being
/// the edge's.
fn plain(step: f64, old: usize, i: usize) -> Vec<(usize, f64)> {
    let at = step * (i as f64 + 0.5) - 0.5;
    let first = at.floor();
    let tap = |offset: i32| {
        let index = first + f64::from(offset);
        let clamped = index.clamp(0.0, (old - 1) as f64) as usize;
        (clamped, cubic(at - index, -0.75))
    };
    (-1..=2).map(tap).collect()
}

/// PyTorch's `_upsample_bicubic2d_aa`, which follows Pillow: the kernel is as wide as a step, and
/// weights beyond an edge are left out.
fn antialiased(step: f64, old: usize, i: usize) -> Vec<(usize, f64)> {
    let scale = step.max(1.0);
    let support = 2.0 * scale;
    let center = step * (i as f64 + 0.5);
    let first = (center - support + 0.5).max(0.0) as usize;
    let end = ((center + support + 0.5) as usize).min(old);
    let weight = |index: usize| cubic((index as f64 + 0.5 - center) / scale, -0.5);
    let total: f64 = (first..end).map(weight).sum();
    (first..end)
        .map(|index| (index, weight(index) / total))
        .collect()
}

/// Keys' cubic convolution kernel (1981, equation 15 for a = -0.5).
fn cubic(x: f64, a: f64) -> f64 {
    let x = x.abs();
    if x <= 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * a
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::{PositionRule, resample};
    use mimlet_checkpoint::Checkpoint;

    /// `tests/fixtures/importers.py` made these by each library's own code.
    #[test]
    fn positions_are_those_of_the_libraries() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../tests/fixtures/positions.safetensors"
        );
        let mut file = Checkpoint::open(path.as_ref()).unwrap();
        let table = file.read("table").unwrap().unwrap().values;
        let names: Vec<String> = file.shapes().map(|(name, _)| name.to_owned()).collect();
        let mut compared = 0;
        for name in names.iter().filter(|name| *name != "table") {
            let [rule, _, size] = name.split('.').collect::<Vec<_>>()[..] else {
                panic!("{name} is no rule, library and size");
            };
            let rule = match rule {
                "timm" => PositionRule::Timm,
                "hf" => PositionRule::HuggingFace,
                _ => PositionRule::Dinov2,
            };
            let (rows, columns) = size.split_once('x').unwrap();
            let grid = [rows.parse().unwrap(), columns.parse().unwrap()];
            let expected = file.read(name).unwrap().unwrap().values;
            let found = resample(rule, &table[4..], [7, 7], grid);
            assert_eq!(found.len() + 4, expected.len(), "{name}");
            for (found, expected) in found.iter().zip(&expected[4..]) {
                assert!(
                    (found - expected).abs() < 2e-6,
                    "{name}: {found} is not {expected}"
                );
            }
            compared += 1;
        }
        assert_eq!(compared, 20);
    }

    #[test]
    fn the_rules_differ() {
        let table: Vec<f32> = (0..49).map(|i| (i * i % 11) as f32).collect();
        let of = |rule| resample(rule, &table, [7, 7], [5, 5]);
        assert_ne!(of(PositionRule::Timm), of(PositionRule::HuggingFace));
        assert_ne!(of(PositionRule::Dinov2), of(PositionRule::HuggingFace));
    }
}
