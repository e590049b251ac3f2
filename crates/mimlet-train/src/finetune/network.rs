//! The encoder with a linear classifier.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData, activation};

use super::depth::Scales;
use crate::config::ModelConfig;
use crate::evaluate::config::Pooling;
use crate::nn::init::Init;
use crate::nn::linear::Linear;
use crate::nn::vit::Vit;
use crate::random::Stream;

/// Standard deviation of the classifier's first weights, as MAE's.
const HEAD_DEVIATION: f32 = 2e-5;

/// An encoder and its classifier, `head.weight` and `head.bias` beside timm's names of the rest.
///
/// The classifier sees features after the final norm, so it is timm's ViT with `global_pool="avg"`
/// and `fc_norm=False`, or with `global_pool="token"`: what is probed, exported and fine-tuned is
/// one and the same feature. MAE's own fine-tuning takes the mean before the norm instead.
#[derive(Module, Debug)]
pub struct Classifier {
    /// The encoder.
    pub encoder: Vit,
    head: Linear,
}

impl Classifier {
    /// `encoder` with a fresh classifier of `classes` classes.
    pub fn new(
        encoder: Vit,
        model: &ModelConfig,
        classes: usize,
        seed: u64,
        device: &Device,
    ) -> Self {
        let init = Init::new(seed, device);
        let mut random = Stream::new(&[0x6865_6164, seed]);
        let weights = (0..classes * model.dim).map(|_| HEAD_DEVIATION * random.normal());
        let head = Linear::of(
            init.given([classes, model.dim], weights.collect()),
            init.constant([classes], 0.0),
        );
        Self { encoder, head }
    }

    /// Logits `[images, classes]` of whole images, given as `patches` `[images * patches, 3 p p]`.
    pub(crate) fn forward(
        &self,
        model: &ModelConfig,
        pooling: Pooling,
        patches: Vec<f32>,
        scales: &Scales,
        device: &Device,
    ) -> Tensor<2> {
        let (count, width) = (model.patches(), model.patch_dim());
        let rows = patches.len() / width;
        let batch = rows / count;
        let indices: Vec<i32> = (0..rows).map(|row| (row % count) as i32).collect();
        let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [rows]), device);
        let patches = Tensor::from_data(TensorData::new(patches, [rows, width]), device);
        let scales = scales.on(device, 1 + count);
        let features = self
            .encoder
            .forward_scaled(patches, indices, batch, &scales);
        let features = features.reshape([batch, 1 + count, model.dim]);
        let pooled = match pooling {
            Pooling::ClassToken => features.narrow(1, 0, 1),
            Pooling::MeanPatch => features.narrow(1, 1, count).mean_dim(1),
        };
        self.head.forward(pooled.reshape([batch, model.dim]))
    }
}

/// Mean cross-entropy, nats, of `logits` against `targets`, both `[images, classes]`.
pub(crate) fn soft_cross_entropy(logits: Tensor<2>, targets: Vec<f32>) -> Tensor<1> {
    let shape = logits.dims();
    let targets = Tensor::from_data(TensorData::new(targets, shape), &logits.device());
    let products = activation::log_softmax(logits, 1) * targets;
    products.sum() * (-1.0 / shape[0] as f64)
}
