//! One step's images, masked and tokenised on the host.

use burn::tensor::{Device, Int, Tensor, TensorData};
use rayon::prelude::*;

use crate::augment::augment;
use crate::codebook::Assigner;
use crate::config::Config;
use crate::dataset::ImageSet;
use crate::masking::{Mask, mask};
use crate::nn::mae::MaskedImages;
use crate::patches::write_patches;
use crate::random::Stream;

/// Words that keep the streams of one seed apart.
const ORDER: u64 = 0x6f72_6465;
const AUGMENT: u64 = 0x6175_676d;

/// Where batches come from.
#[derive(Debug)]
pub(crate) struct Batches<'a> {
    config: &'a Config,
    images: &'a ImageSet,
    tokens: Assigner,
    epoch: Option<(usize, Vec<u32>)>,
}

/// One sample, ready to be stacked.
struct Sample {
    visible_patches: Vec<f32>,
    mask: Mask,
    targets: Vec<u32>,
}

impl<'a> Batches<'a> {
    /// `images` must hold at least one batch, or be repeated within it.
    pub(crate) fn new(config: &'a Config, images: &'a ImageSet, tokens: Assigner) -> Self {
        Self {
            config,
            images,
            tokens,
            epoch: None,
        }
    }

    /// Steps in a pass over the images; the incomplete last batch of a pass is dropped.
    pub(crate) fn steps_per_epoch(&self) -> usize {
        (self.images.len() / self.config.train.batch).max(1)
    }

    /// The input and targets `[batch * masked]` of `step`: a pure function of seed and step.
    pub(crate) fn get(&mut self, step: usize, device: &Device) -> (MaskedImages, Tensor<1, Int>) {
        let epoch = step / self.steps_per_epoch();
        let start = step % self.steps_per_epoch() * self.config.train.batch;
        self.start_epoch(epoch);
        let order = self.epoch.as_ref().map_or(&[][..], |(_, order)| order);
        let samples: Vec<Sample> = (start..start + self.config.train.batch)
            .into_par_iter()
            .map(|at| self.sample(epoch, order[at % order.len()] as usize))
            .collect();
        self.stack(&samples, device)
    }

    /// Shuffles the images anew for each epoch.
    fn start_epoch(&mut self, epoch: usize) {
        if self
            .epoch
            .as_ref()
            .is_some_and(|(current, _)| *current == epoch)
        {
            return;
        }
        let mut order: Vec<u32> = (0..self.images.len() as u32).collect();
        Stream::new(&[ORDER, self.config.train.seed, epoch as u64]).shuffle(&mut order);
        self.epoch = Some((epoch, order));
    }

    fn sample(&self, epoch: usize, index: usize) -> Sample {
        let (config, model) = (self.config, &self.config.model);
        let key = [config.train.seed, epoch as u64, index as u64];
        let mut random = Stream::new(&[AUGMENT, key[0], key[1], key[2]]);
        let image = self.images.image(index);
        let image = augment(&config.data, model.image_size, image, &mut random);
        let dim = model.patch_dim();
        let mut patches = vec![0.0; model.patches() * dim];
        write_patches(model, &image, &mut patches);
        let (visible, _) = config.visible_and_masked();
        let mask = mask(key[0], key[1], key[2], model.patches(), visible);
        let rows = |indices: &[u32]| -> Vec<f32> {
            let row = |&i: &u32| &patches[i as usize * dim..(i as usize + 1) * dim];
            indices.iter().flat_map(row).copied().collect()
        };
        Sample {
            visible_patches: rows(&mask.visible),
            targets: self.tokens.assign(&rows(&mask.masked)),
            mask,
        }
    }

    fn stack(&self, samples: &[Sample], device: &Device) -> (MaskedImages, Tensor<1, Int>) {
        let indices = |part: fn(&Sample) -> &[u32]| {
            let all: Vec<i32> = samples
                .iter()
                .flat_map(|sample| part(sample).iter().map(|&i| i as i32))
                .collect();
            let count = all.len();
            Tensor::<1, Int>::from_data(TensorData::new(all, [count]), device)
        };
        let patches: Vec<f32> = samples
            .iter()
            .flat_map(|sample| sample.visible_patches.iter().copied())
            .collect();
        let dim = self.config.model.patch_dim();
        let rows = patches.len() / dim;
        let input = MaskedImages {
            batch: samples.len(),
            patches: Tensor::from_data(TensorData::new(patches, [rows, dim]), device),
            visible: indices(|sample| &sample.mask.visible),
            masked: indices(|sample| &sample.mask.masked),
        };
        (input, indices(|sample| &sample.targets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codebook::pixel_codebook;
    use crate::pretrain::tiny;
    use crate::synth;

    fn ints(tensor: Tensor<1, Int>) -> Vec<i32> {
        tensor.into_data_as::<i32>().try_into_vec().unwrap()
    }

    #[test]
    fn each_image_has_its_own_mask_and_targets_belong_to_the_hidden_patches() {
        let mut config = tiny::config();
        config.data.flip = false;
        config.data.shift = 0;
        // One batch is the whole set, so every image must turn up once.
        config.train.batch = 40;
        let images = synth::generate(config.data.synth.unwrap()).unwrap();
        let (codebook, _) = pixel_codebook(&config.codebook, &config.model, &images).unwrap();
        let assigner = Assigner::new(&codebook.centers, codebook.dim);
        let mut batches = Batches::new(&config, &images, assigner.clone());
        let (input, targets) = batches.get(0, &Device::flex());
        let (masked, targets) = (ints(input.masked), ints(targets));
        let masks: Vec<&[i32]> = masked.chunks_exact(12).collect();
        assert!(
            masks.iter().any(|mask| *mask != masks[0]),
            "one mask for all"
        );

        let mut order: Vec<u32> = (0..40).collect();
        Stream::new(&[ORDER, config.train.seed, 0]).shuffle(&mut order);
        let mut patches = vec![0.0; 64 * 64 * 3];
        for ((&index, mask), targets) in order.iter().zip(masks).zip(targets.chunks_exact(12)) {
            write_patches(&config.model, images.image(index as usize), &mut patches);
            let tokens = assigner.assign(&patches);
            for (&patch, &target) in mask.iter().zip(targets) {
                assert_eq!(tokens[patch as usize] as i32, target);
            }
        }
        let (_, later) = batches.get(1, &Device::flex());
        assert_ne!(
            ints(later),
            targets,
            "the next epoch has another order and other masks"
        );
    }
}
