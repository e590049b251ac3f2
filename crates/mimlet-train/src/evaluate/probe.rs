//! A linear probe: softmax regression on frozen features.

use serde::Serialize;

use crate::data::Source;
use crate::encoder::EncoderFile;
use crate::error::TrainError;
use crate::random::Stream;

/// Passes over the training features.
const EPOCHS: usize = 60;
/// Features a step.
const BATCH: usize = 64;
const RATE: f32 = 0.1;
const MOMENTUM: f32 = 0.9;
const DECAY: f32 = 1e-4;

/// Accuracy of the probes, 0..1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProbeReport {
    /// On the class token.
    pub class_token: f64,
    /// On the mean of the patch features.
    pub mean_patch: f64,
    /// Images the probes learnt from.
    pub train_images: usize,
    /// Images they were scored on.
    pub test_images: usize,
}

/// Features `[rows, dim]` with their labels.
#[derive(Debug, Clone)]
struct Features {
    values: Vec<f32>,
    labels: Vec<u32>,
    dim: usize,
}

/// Learns on `train`, scores on `test`.
///
/// # Errors
/// As [`EncoderFile::features`].
pub fn probe(
    encoder: &EncoderFile,
    train: &dyn Source,
    test: &dyn Source,
    seed: u64,
) -> Result<ProbeReport, TrainError> {
    let classes = train.class_names().len();
    let (train_class, train_mean) = features(encoder, train)?;
    let (test_class, test_mean) = features(encoder, test)?;
    Ok(ProbeReport {
        class_token: score(train_class, test_class, classes, seed),
        mean_patch: score(train_mean, test_mean, classes, seed),
        train_images: train.len(),
        test_images: test.len(),
    })
}

/// Class-token features and mean patch features of a set.
fn features(
    encoder: &EncoderFile,
    source: &dyn Source,
) -> Result<(Features, Features), TrainError> {
    let (dim, patches) = (encoder.model.dim, encoder.model.patches());
    let empty = || Features {
        values: Vec::with_capacity(source.len() * dim),
        labels: Vec::with_capacity(source.len()),
        dim,
    };
    let (mut class, mut mean) = (empty(), empty());
    let indices: Vec<usize> = (0..source.len()).collect();
    encoder.features(source, &indices, |batch| {
        class.labels.extend_from_slice(&batch.labels);
        mean.labels.extend_from_slice(&batch.labels);
        class.values.extend_from_slice(&batch.class);
        for image in batch.patches.chunks_exact(patches * dim) {
            for axis in 0..dim {
                let sum: f32 = image.iter().skip(axis).step_by(dim).sum();
                mean.values.push(sum / patches as f32);
            }
        }
        Ok(())
    })?;
    Ok((class, mean))
}

/// Accuracy on `test` of softmax regression learnt on `train`, both standardised by `train`.
fn score(mut train: Features, mut test: Features, classes: usize, seed: u64) -> f64 {
    let dim = train.dim;
    let rows = train.labels.len() as f32;
    for axis in 0..dim {
        let column = || train.values.iter().skip(axis).step_by(dim);
        let mean = column().sum::<f32>() / rows;
        let variance = column().map(|v| (v - mean).powi(2)).sum::<f32>() / rows;
        let scale = (variance + 1e-6).sqrt().recip();
        for set in [&mut train, &mut test] {
            for value in set.values.iter_mut().skip(axis).step_by(dim) {
                *value = (*value - mean) * scale;
            }
        }
    }
    let weights = fit(&train, classes, seed);
    let hits = test
        .values
        .chunks_exact(dim)
        .zip(&test.labels)
        .filter(|(row, label)| {
            let logits = logits(&weights, row);
            let best = (0..classes).fold(0, |a, b| if logits[b] > logits[a] { b } else { a });
            best == **label as usize
        })
        .count();
    hits as f64 / test.labels.len() as f64
}

/// `[classes, dim + 1]`, the last column being the bias; momentum SGD with a cosine rate.
fn fit(train: &Features, classes: usize, seed: u64) -> Vec<f32> {
    let (dim, rows) = (train.dim, train.labels.len());
    let mut weights = vec![0.0; classes * (dim + 1)];
    let mut velocity = weights.clone();
    let mut order: Vec<usize> = (0..rows).collect();
    let mut random = Stream::new(&[0x7072_6f62, seed]);
    for epoch in 0..EPOCHS {
        let progress = epoch as f32 / EPOCHS as f32;
        let rate = RATE * 0.5 * (1.0 + (std::f32::consts::PI * progress).cos());
        random.shuffle(&mut order);
        for batch in order.chunks(BATCH) {
            let mut gradient: Vec<f32> = weights.iter().map(|w| DECAY * w).collect();
            for &row in batch {
                let x = &train.values[row * dim..(row + 1) * dim];
                add_gradient(&mut gradient, &weights, x, train.labels[row], batch.len());
            }
            for ((weight, speed), slope) in weights.iter_mut().zip(&mut velocity).zip(&gradient) {
                *speed = MOMENTUM * *speed + slope;
                *weight -= rate * *speed;
            }
        }
    }
    weights
}

/// Adds one sample's share of the mean cross-entropy's gradient.
fn add_gradient(gradient: &mut [f32], weights: &[f32], x: &[f32], label: u32, batch: usize) {
    let logits = logits(weights, x);
    let top = logits.iter().copied().fold(f32::MIN, f32::max);
    let total: f32 = logits.iter().map(|l| (l - top).exp()).sum();
    for (class, row) in gradient.chunks_exact_mut(x.len() + 1).enumerate() {
        let target = if class == label as usize { 1.0 } else { 0.0 };
        let error = ((logits[class] - top).exp() / total - target) / batch as f32;
        let (slopes, bias) = row.split_at_mut(x.len());
        for (slope, value) in slopes.iter_mut().zip(x) {
            *slope += error * value;
        }
        bias[0] += error;
    }
}

fn logits(weights: &[f32], x: &[f32]) -> Vec<f32> {
    weights
        .chunks_exact(x.len() + 1)
        .map(|row| x.iter().zip(row).map(|(a, b)| a * b).sum::<f32>() + row[x.len()])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learns_what_is_linear_and_not_what_is_random() {
        let mut random = Stream::new(&[1]);
        let mut set = |informative: bool| {
            let labels: Vec<u32> = (0..400).map(|i| i % 4).collect();
            let values = labels
                .iter()
                .flat_map(|&label| {
                    let shift = if informative { label as f32 } else { 0.0 };
                    let angle = shift * std::f32::consts::FRAC_PI_2;
                    [
                        3.0 * angle.cos() + 0.5 * random.normal(),
                        3.0 * angle.sin() + 0.5 * random.normal(),
                    ]
                })
                .collect();
            Features {
                values,
                labels,
                dim: 2,
            }
        };
        let (train, test) = (set(true), set(true));
        assert!(score(train, test, 4, 1) > 0.97);
        let (train, test) = (set(false), set(false));
        assert!(score(train, test, 4, 1) < 0.4);
    }
}
