//! A linear probe: batch norm without gain and offset, then softmax regression, on frozen features
//! (He et al. 2021, arXiv 2111.06377, appendix A.1).
//!
//! The batch norm takes its mean and variance from the whole training set. Features are frozen and
//! cached, so this is what the running averages of a batch norm tend to, without their dependence
//! on the order and size of batches. Rate and weight decay are chosen on a part of the training
//! features held out for it; the test features are looked at once, by the probe that was chosen.

use mimlet_kernels::Level;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::config::{EvaluateConfig, Pooling};
use super::features::{FeatureSet, Features};
use super::score::Score;
use super::softmax::{Classifier, Minibatch, Step, cross_entropy};
use crate::error::TrainError;
use crate::random::Stream;

/// Added to the variance, as in MAE's probe.
const EPSILON: f64 = 1e-6;

/// Words that keep the streams of one seed apart.
const ORDER: u64 = 0x7072_6f62;
const SPLIT: u64 = 0x7370_6c69;

/// The probes of an encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeReport {
    /// Accuracy on the class token, 0..1.
    pub class_token: f64,
    /// Accuracy on the mean of the patch features, 0..1.
    pub mean_patch: f64,
    /// Images the probes learnt from.
    pub train_images: usize,
    /// Images they were scored on.
    pub test_images: usize,
    /// Both probes in full.
    pub probes: Vec<Probe>,
}

/// One probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// What it learnt from.
    pub features: Pooling,
    /// The learning rate that was chosen.
    pub rate: f32,
    /// The weight decay that was chosen.
    pub decay: f32,
    /// Every setting tried.
    pub sweep: Vec<Trial>,
    /// On the test features.
    pub score: Score,
}

/// A setting of the sweep and how it did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Learning rate.
    pub rate: f32,
    /// Weight decay.
    pub decay: f32,
    /// Accuracy on the training features held out, 0..1.
    pub accuracy: f64,
    /// Cross-entropy on them, nats.
    pub loss: f64,
}

/// Learns on `train`, scores on `test`.
///
/// # Errors
/// [`TrainError::Config`] when the classes differ or `config` is wrong.
pub fn probe(
    config: &EvaluateConfig,
    train: &Features,
    test: &Features,
    seed: u64,
) -> Result<ProbeReport, TrainError> {
    config.check()?;
    train.check_classes(test)?;
    let of = |pooling| {
        let sets = [train, test].map(|features| features.pooled(pooling));
        probe_one(config, pooling, sets, &train.class_names, seed)
    };
    let (class, mean) = rayon::join(|| of(Pooling::ClassToken), || of(Pooling::MeanPatch));
    Ok(ProbeReport {
        class_token: class.score.top1,
        mean_patch: mean.score.top1,
        train_images: train.class_token.len(),
        test_images: test.class_token.len(),
        probes: vec![class, mean],
    })
}

impl ProbeReport {
    /// The probe on the features that `pooling` names.
    pub fn of(&self, pooling: Pooling) -> f64 {
        match pooling {
            Pooling::ClassToken => self.class_token,
            Pooling::MeanPatch => self.mean_patch,
        }
    }
}

fn probe_one(
    config: &EvaluateConfig,
    features: Pooling,
    [train, test]: [&FeatureSet; 2],
    class_names: &[String],
    seed: u64,
) -> Probe {
    let classes = class_names.len();
    let sweep = sweep(config, train, classes, seed);
    let chosen = choose(&sweep);
    let setting = Step {
        rate: chosen.rate,
        decay: chosen.decay,
    };
    let norm = Norm::of(train);
    let fitted = fit(config, &norm.apply(train), classes, seed, &[setting]);
    let logits = fitted[0].logits(&norm.apply(test).values);
    let values: Vec<f64> = logits.into_iter().map(f64::from).collect();
    Probe {
        features,
        rate: chosen.rate,
        decay: chosen.decay,
        sweep,
        score: Score::new(&values, &test.labels, class_names),
    }
}

/// Tries every rate with every decay: learns on a part of `set`, judges on the rest.
fn sweep(config: &EvaluateConfig, set: &FeatureSet, classes: usize, seed: u64) -> Vec<Trial> {
    let (kept, held_out) = split(set, classes, config.held_out, seed);
    // With one image of each class there is nothing to hold out.
    let judges = if held_out.is_empty() {
        &kept
    } else {
        &held_out
    };
    let (held_out, kept) = (set.select(judges), set.select(&kept));
    let norm = Norm::of(&kept);
    let settings: Vec<Step> = config
        .rates
        .iter()
        .flat_map(|&rate| config.decays.iter().map(move |&decay| Step { rate, decay }))
        .collect();
    let fitted = fit(config, &norm.apply(&kept), classes, seed, &settings);
    let held_out = norm.apply(&held_out);
    let judged = settings.iter().zip(&fitted);
    judged
        .map(|(setting, classifier)| {
            let logits = classifier.logits(&held_out.values);
            let right =
                logits
                    .chunks_exact(classes)
                    .zip(&held_out.labels)
                    .filter(|(logits, label)| {
                        let value = logits[**label as usize];
                        logits.iter().all(|&other| other <= value)
                    });
            Trial {
                rate: setting.rate,
                decay: setting.decay,
                accuracy: right.count() as f64 / held_out.len().max(1) as f64,
                loss: cross_entropy(&logits, &held_out.labels, classes),
            }
        })
        .collect()
}

/// The most accurate; of several the one with the least loss; of several the first.
fn choose(sweep: &[Trial]) -> Trial {
    let better = |a: &Trial, b: &Trial| {
        a.accuracy > b.accuracy || (a.accuracy == b.accuracy && a.loss < b.loss)
    };
    let first = sweep[0];
    sweep[1..].iter().fold(
        first,
        |best, trial| if better(trial, &best) { *trial } else { best },
    )
}

/// Rows to learn from and rows to judge on: `share` of each class, but never its only image.
fn split(set: &FeatureSet, classes: usize, share: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let mut by_class = vec![Vec::new(); classes];
    for (row, &label) in set.labels.iter().enumerate() {
        by_class[label as usize].push(row);
    }
    let (mut kept, mut held_out) = (Vec::new(), Vec::new());
    for (class, mut rows) in by_class.into_iter().enumerate() {
        Stream::new(&[SPLIT, seed, class as u64]).shuffle(&mut rows);
        let most = rows.len().saturating_sub(1);
        let count = ((rows.len() as f64 * share).ceil() as usize).min(most);
        held_out.extend(rows.drain(..count));
        kept.extend(rows);
    }
    kept.sort_unstable();
    held_out.sort_unstable();
    (kept, held_out)
}

/// One classifier for each of `settings`, all shown the same batches; the rate falls by half a
/// cosine over the run.
fn fit(
    config: &EvaluateConfig,
    set: &FeatureSet,
    classes: usize,
    seed: u64,
    settings: &[Step],
) -> Vec<Classifier> {
    let blank = Classifier::new(set.dim, classes, Level::detect());
    let mut fitted = vec![blank; settings.len()];
    let mut order: Vec<usize> = (0..set.len()).collect();
    let steps = config.epochs * set.len().div_ceil(config.batch);
    let mut random = Stream::new(&[ORDER, seed]);
    let mut step = 0;
    for _ in 0..config.epochs {
        random.shuffle(&mut order);
        for rows in order.chunks(config.batch) {
            let batch = Minibatch::new(set, rows);
            let progress = step as f32 / steps as f32;
            let factor = 0.5 * (1.0 + (std::f32::consts::PI * progress).cos());
            fitted
                .par_iter_mut()
                .zip(settings)
                .for_each(|(classifier, setting)| {
                    let by = Step {
                        rate: setting.rate * factor,
                        ..*setting
                    };
                    classifier.learn(&batch, by);
                });
            step += 1;
        }
    }
    fitted
}

/// Batch norm with fixed statistics.
struct Norm {
    mean: Vec<f64>,
    scale: Vec<f64>,
}

impl Norm {
    /// Mean and variance of each axis over `set`.
    fn of(set: &FeatureSet) -> Self {
        let rows = set.len().max(1) as f64;
        let mut mean = vec![0.0; set.dim];
        for row in set.values.chunks_exact(set.dim) {
            mean.iter_mut()
                .zip(row)
                .for_each(|(m, &v)| *m += f64::from(v));
        }
        mean.iter_mut().for_each(|m| *m /= rows);
        let mut variance = vec![0.0; set.dim];
        for row in set.values.chunks_exact(set.dim) {
            for ((sum, &value), mean) in variance.iter_mut().zip(row).zip(&mean) {
                *sum += (f64::from(value) - mean).powi(2);
            }
        }
        let scale = variance.iter().map(|v| (v / rows + EPSILON).sqrt().recip());
        Self {
            scale: scale.collect(),
            mean,
        }
    }

    fn apply(&self, set: &FeatureSet) -> FeatureSet {
        let mut out = set.clone();
        for row in out.values.chunks_exact_mut(set.dim) {
            for ((value, mean), scale) in row.iter_mut().zip(&self.mean).zip(&self.scale) {
                *value = ((f64::from(*value) - mean) * scale) as f32;
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four classes on a circle, or, uninformative, on one spot; the axes differ widely in scale.
    fn set(key: u64, informative: bool) -> Features {
        let mut random = Stream::new(&[key]);
        let labels: Vec<u32> = (0..400).map(|i| i % 4).collect();
        let values = labels.iter().flat_map(|&label| {
            let shift = if informative { label as f32 } else { 0.0 };
            let angle = shift * std::f32::consts::FRAC_PI_2;
            [
                1000.0 + 3.0 * angle.cos() + 0.5 * random.normal(),
                0.01 * (3.0 * angle.sin() + 0.5 * random.normal()),
            ]
        });
        let features = FeatureSet {
            values: values.collect(),
            labels,
            dim: 2,
        };
        Features {
            class_token: features.clone(),
            mean_patch: features,
            class_names: (0..4).map(|class| class.to_string()).collect(),
        }
    }

    #[test]
    fn learns_what_is_linear_and_not_what_is_random() {
        let config = EvaluateConfig::default();
        let report = probe(&config, &set(1, true), &set(2, true), 1).unwrap();
        assert!(report.mean_patch > 0.97, "{}", report.mean_patch);
        assert_eq!(report.mean_patch, report.class_token);
        let settings = config.rates.len() * config.decays.len();
        assert_eq!(report.probes[0].sweep.len(), settings);
        let report = probe(&config, &set(1, false), &set(2, false), 1).unwrap();
        assert!(report.mean_patch < 0.4, "{}", report.mean_patch);
    }

    #[test]
    fn what_the_test_images_are_does_not_change_the_choice() {
        let config = EvaluateConfig::default();
        let chosen = |test: &Features| {
            let report = probe(&config, &set(1, true), test, 1).unwrap();
            (report.probes[0].rate, report.probes[0].sweep.clone())
        };
        assert_eq!(chosen(&set(2, true)), chosen(&set(3, false)));
    }

    #[test]
    fn the_held_out_part_is_of_every_class_and_leaves_one_of_each() {
        let set = FeatureSet {
            values: vec![0.0; 14],
            labels: [vec![0; 10], vec![1; 3], vec![2]].concat(),
            dim: 1,
        };
        let (kept, held_out) = split(&set, 4, 0.2, 3);
        let count = |rows: &[usize], class| {
            let of_class = rows.iter().filter(|&&row| set.labels[row] == class);
            of_class.count()
        };
        assert_eq!(
            [0, 1, 2, 3].map(|class| count(&held_out, class)),
            [2, 1, 0, 0]
        );
        assert_eq!([0, 1, 2, 3].map(|class| count(&kept, class)), [8, 2, 1, 0]);
        assert_ne!(held_out, split(&set, 4, 0.2, 4).1);
    }

    #[test]
    fn sets_of_other_classes_are_refused() {
        let mut test = set(2, true);
        test.class_names[0] = "other".into();
        let error = probe(&EvaluateConfig::default(), &set(1, true), &test, 1).unwrap_err();
        assert!(error.to_string().contains("same classes"), "{error}");
    }
}
