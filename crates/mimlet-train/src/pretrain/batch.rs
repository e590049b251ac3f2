//! One step's images, augmented and masked on the host.

use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Config;
use crate::data::augment::augment;
use crate::data::{Source, read_or_next};
use crate::error::TrainError;
use crate::masking::{Mask, mask};
use crate::patches::write_patches;
use crate::random::Stream;

/// Words that keep the streams of one seed apart.
const ORDER: u64 = 0x6f72_6465;
const AUGMENT: u64 = 0x6175_676d;

/// Where batches come from.
#[derive(Debug)]
pub(crate) struct Batches<'a> {
    config: &'a Config,
    source: &'a dyn Source,
    /// Which share of each step's images is this process's, of how many.
    share: [usize; 2],
    order: Mutex<Order>,
}

/// The images of an epoch in the order they are shown.
type Order = Option<(usize, Arc<Vec<u32>>)>;

/// Some images of a step, on the host.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HostBatch {
    /// Classes, `[images]`.
    pub(crate) labels: Vec<u32>,
    /// Normalised patches of the whole augmented images, `[images * patches, 3 p p]`.
    pub(crate) patches: Vec<f32>,
    /// Visible patches of each image, indices into its patches, `[images * visible]`.
    pub(crate) visible: Vec<u32>,
    /// Hidden patches, `[images * masked]`.
    pub(crate) masked: Vec<u32>,
}

impl HostBatch {
    /// Number of images.
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    /// The same images, at most `images` at a time.
    pub(crate) fn parts(&self, images: usize) -> impl Iterator<Item = Self> {
        let each = |length: usize| length / self.len();
        let [patches, visible, masked] =
            [self.patches.len(), self.visible.len(), self.masked.len()].map(each);
        (0..self.len()).step_by(images.max(1)).map(move |start| {
            let end = (start + images.max(1)).min(self.len());
            Self {
                labels: self.labels[start..end].to_vec(),
                patches: self.patches[start * patches..end * patches].to_vec(),
                visible: self.visible[start * visible..end * visible].to_vec(),
                masked: self.masked[start * masked..end * masked].to_vec(),
            }
        })
    }
}

/// One image, ready to be stacked.
struct Sample {
    label: u32,
    patches: Vec<f32>,
    mask: Mask,
}

impl<'a> Batches<'a> {
    /// The share of process `rank` of `world`, whose number divides the batch. A source smaller
    /// than a batch is repeated within it.
    pub(crate) fn new(
        config: &'a Config,
        source: &'a dyn Source,
        [rank, world]: [usize; 2],
    ) -> Self {
        Self {
            config,
            source,
            share: [rank, world],
            order: Mutex::new(None),
        }
    }

    /// Steps in a pass over the images; the incomplete last batch of a pass is dropped.
    pub(crate) fn steps_per_epoch(&self) -> usize {
        (self.source.len() / self.config.train.batch).max(1)
    }

    /// This process's images of `step`: a pure function of seed and step.
    pub(crate) fn get(&self, step: usize) -> Result<HostBatch, TrainError> {
        let epoch = step / self.steps_per_epoch();
        let [rank, world] = self.share;
        let images = self.config.train.batch / world;
        let start = step % self.steps_per_epoch() * self.config.train.batch + rank * images;
        let order = self.order(epoch);
        let samples: Vec<Sample> = (start..start + images)
            .map(|at| self.sample(epoch, &order, at % order.len()))
            .collect::<Result<_, _>>()?;
        Ok(stack(&samples))
    }

    /// The images of an epoch, shuffled anew for each.
    fn order(&self, epoch: usize) -> Arc<Vec<u32>> {
        let mut kept = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((current, order)) if *current == epoch => Arc::clone(order),
            _ => {
                let mut order: Vec<u32> = (0..self.source.len() as u32).collect();
                Stream::new(&[ORDER, self.config.train.seed, epoch as u64]).shuffle(&mut order);
                let order = Arc::new(order);
                *kept = Some((epoch, Arc::clone(&order)));
                order
            }
        }
    }

    /// The image at place `at` of the epoch's order; a bad one's place is taken by the next good
    /// one, in a view of its own.
    fn sample(&self, epoch: usize, order: &[u32], at: usize) -> Result<Sample, TrainError> {
        let (config, model) = (self.config, &self.config.model);
        let key = [config.train.seed, epoch as u64, u64::from(order[at])];
        let mut random = Stream::new(&[AUGMENT, key[0], key[1], key[2]]);
        let (index, image) = read_or_next(self.source, order, at)?;
        let image = augment(&config.data, model, &image, &mut random)?;
        let mut patches = vec![0.0; model.patches() * model.patch_dim()];
        write_patches(model, &image, &mut patches);
        let (visible, _) = config.visible_and_masked();
        Ok(Sample {
            label: self.source.label(index),
            patches,
            mask: mask(key[0], key[1], key[2], model.patches(), visible),
        })
    }
}

fn stack(samples: &[Sample]) -> HostBatch {
    let mut batch = HostBatch {
        labels: Vec::with_capacity(samples.len()),
        patches: Vec::with_capacity(samples.iter().map(|sample| sample.patches.len()).sum()),
        visible: Vec::new(),
        masked: Vec::new(),
    };
    for sample in samples {
        batch.labels.push(sample.label);
        batch.patches.extend_from_slice(&sample.patches);
        batch.visible.extend_from_slice(&sample.mask.visible);
        batch.masked.extend_from_slice(&sample.mask.masked);
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pretrain::tiny;
    use crate::synth;

    #[test]
    fn processes_and_parts_share_a_step_out_without_changing_it() {
        let config = tiny::config();
        let images = synth::generate(config.data.synth.unwrap()).unwrap();
        let whole = Batches::new(&config, &images, [0, 1]).get(3).unwrap();
        let mut joined = Vec::new();
        for rank in 0..2 {
            let half = Batches::new(&config, &images, [rank, 2]).get(3).unwrap();
            assert_eq!(half.len(), 4);
            joined.extend(half.parts(3).flat_map(|part| part.patches));
        }
        assert_eq!(joined, whole.patches);
        let masks: Vec<u32> = whole.parts(3).flat_map(|part| part.masked).collect();
        assert_eq!(masks, whole.masked);
    }

    #[test]
    fn each_image_comes_once_an_epoch_with_a_mask_of_its_own() {
        let mut config = tiny::config();
        config.data.flip = false;
        config.data.shift = 0;
        // One batch is the whole set, so every image must turn up once.
        config.train.batch = 40;
        let images = synth::generate(config.data.synth.unwrap()).unwrap();
        let batches = Batches::new(&config, &images, [0, 1]);
        let batch = batches.get(0).unwrap();
        assert_eq!(
            batch,
            Batches::new(&config, &images, [0, 1]).get(0).unwrap()
        );
        let masks: Vec<&[u32]> = batch.masked.chunks_exact(12).collect();
        assert!(
            masks.iter().any(|mask| *mask != masks[0]),
            "one mask for all"
        );
        let mut patches = vec![0.0; 64 * 64 * 3];
        let mut found: Vec<usize> = batch
            .patches
            .chunks_exact(patches.len())
            .map(|shown| {
                let same = |index: &usize| {
                    write_patches(&config.model, images.image(*index), &mut patches);
                    shown == patches
                };
                (0..40).find(same).expect("an image of the set")
            })
            .collect();
        let order = found.clone();
        found.sort_unstable();
        assert_eq!(found, (0..40).collect::<Vec<_>>());
        for (&index, &label) in order.iter().zip(&batch.labels) {
            assert_eq!(images.labels[index], label);
        }
        let later = batches.get(1).unwrap();
        assert_ne!(
            later.labels, batch.labels,
            "the next epoch has another order"
        );
        assert_ne!(later.masked, batch.masked, "and other masks");
    }
}
