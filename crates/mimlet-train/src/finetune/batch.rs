//! One step's images and soft targets, on the host.

use super::config::FinetuneConfig;
use super::erase::erase;
use super::mix;
use crate::config::ModelConfig;
use crate::pretrain::batch::HostBatch;
use crate::random::Stream;

/// Words that keep the streams of one seed apart.
const ERASE: u64 = 0x6572_6173;
const MIX: u64 = 0x006d_6978;

/// What the network is shown and held to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    /// `[images * patches, 3 p p]`.
    pub(crate) patches: Vec<f32>,
    /// `[images, classes]`; each row sums to 1.
    pub(crate) targets: Vec<f32>,
}

/// `batch`, which is already augmented, with parts erased and images mixed as `config` says.
pub(crate) fn show(
    config: &FinetuneConfig,
    model: &ModelConfig,
    batch: HostBatch,
    classes: usize,
    step: usize,
) -> Shown {
    let mut targets = smoothed(&batch.labels, classes, config.smoothing);
    let mut patches = batch.patches;
    let values = model.patches() * model.patch_dim();
    for (image, patches) in patches.chunks_exact_mut(values).enumerate() {
        let key = [ERASE, config.seed, step as u64, image as u64];
        erase(model, config.erase, patches, &mut Stream::new(&key));
    }
    let mut random = Stream::new(&[MIX, config.seed, step as u64]);
    if let Some(mix) = mix::draw(config, model.image_size, &mut random) {
        mix.apply(model, &mut patches, &mut targets, classes);
    }
    Shown { patches, targets }
}

/// One-hot targets with `share` of each spread evenly over all classes (Szegedy et al. 2015,
/// arXiv 1512.00567).
fn smoothed(labels: &[u32], classes: usize, share: f64) -> Vec<f32> {
    let rest = (share / classes as f64) as f32;
    let mut targets = vec![rest; labels.len() * classes];
    for (row, &label) in targets.chunks_exact_mut(classes).zip(labels) {
        row[label as usize] += (1.0 - share) as f32;
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothed_targets_sum_to_one() {
        let targets = smoothed(&[2, 0], 4, 0.1);
        let expected = [0.025, 0.025, 0.925, 0.025, 0.925, 0.025, 0.025, 0.025];
        for (target, expected) in targets.iter().zip(expected) {
            assert!((target - expected).abs() < 1e-6, "{targets:?}");
        }
    }
}
