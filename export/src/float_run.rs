//! The float model, run block by block over all images at once.
//!
//! One block's weights are in panels at a time, so that running a model takes little memory beyond
//! its weights; between blocks a quantiser sees what went into each linear layer. The kernels are
//! the CPU backend's, on f32.

use crate::{FloatCodebook, FloatModel};
use mimlet_format::{BlockTensor, CodebookSpace, LinearPart, NormPart, Preprocess, TensorRole};
use mimlet_kernels::panel::{self, Panels};
use mimlet_kernels::{
    Level, attention, gelu, layer_norm, linear, nearest_centroid, normalize, patch_embed, patchify,
    residual,
};
use rayon::prelude::*;
use std::ops::Range;

/// Rows of inputs kept for calibration, over all images.
const CALIBRATION_ROWS: usize = 1024;

/// A run of the float model.
#[derive(Debug)]
pub(crate) struct FloatRun<'m> {
    model: &'m FloatModel,
    level: Level,
    images: Vec<Image>,
    /// The images that calibrate.
    calibration: Range<usize>,
    /// Every how many-th token of a calibration image is kept.
    stride: usize,
}

#[derive(Debug)]
struct Image {
    /// `[patches, patch_dim]`.
    patches: Vec<f32>,
    /// `[tokens, embed_dim]`.
    stream: Vec<f32>,
}

/// What went into a block's linear layers on calibration images: rows `[rows, inputs]`.
#[derive(Debug, Default)]
pub(crate) struct Taps {
    /// Into queries, keys and values.
    pub(crate) qkv: Vec<f32>,
    /// Into attention's projection.
    pub(crate) proj: Vec<f32>,
    /// Into the MLP's first layer.
    pub(crate) fc1: Vec<f32>,
    /// Into the MLP's second layer.
    pub(crate) fc2: Vec<f32>,
}

/// The float model's answers for one image.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// `[embed_dim]`.
    pub(crate) class: Vec<f32>,
    /// `[patches, embed_dim]`.
    pub(crate) patches: Vec<f32>,
    /// `[patches]`; empty without a codebook.
    pub(crate) tokens: Vec<u32>,
    /// `[patches]`; empty without a codebook.
    pub(crate) margins: Vec<f32>,
}

/// Centroids in panels.
#[derive(Debug)]
pub(crate) struct Centroids {
    space: CodebookSpace,
    params: nearest_centroid::Params,
    /// `Panel16 [centroids, dim]`.
    panels: Vec<f32>,
}

impl<'m> FloatRun<'m> {
    /// Embeds images `[height, width, 3]`; those of `calibration` will be tapped.
    pub(crate) fn new(
        model: &'m FloatModel,
        preprocess: &Preprocess,
        images: &[&[u8]],
        calibration: Range<usize>,
    ) -> Self {
        let level = Level::detect();
        let encoder = &model.encoder;
        let [height, width] = encoder.image_size.map(|side| side as usize);
        let cut = patchify::Params {
            height,
            width,
            patch: encoder.patch_size as usize,
        };
        let embed = patch_embed::Params {
            prefix: encoder.prefix_tokens() as usize,
            patches: cut.patches(),
            patch_dim: cut.patch_dim(),
            embed_dim: encoder.embed_dim as usize,
            half: false,
        };
        let weight = model.weights.get(TensorRole::PatchEmbedWeight);
        let weight = panels(embed.embed_dim, embed.patch_dim, weight);
        let table = model.weights.get(TensorRole::TokenTable);
        let start = |pixels: &&[u8]| {
            let mut input = vec![0.0; pixels.len()];
            normalize::cpu(level, pixels, preprocess.mean, preprocess.std, &mut input);
            let mut patches = vec![0.0; embed.patches * embed.patch_dim];
            patchify::cpu(&cut, &input, &mut patches);
            let mut stream = vec![0.0; table.len()];
            let weight = Panels::F32(&weight);
            patch_embed::cpu(level, &embed, &patches, weight, table, 0, &mut stream);
            Image { patches, stream }
        };
        let tokens = encoder.tokens() as usize;
        let kept = (CALIBRATION_ROWS / calibration.len().max(1)).max(1);
        Self {
            model,
            level,
            images: images.par_iter().map(start).collect(),
            calibration,
            stride: tokens.div_ceil(kept),
        }
    }

    /// Runs block `layer`; blocks must be run in order, each once.
    pub(crate) fn block(&mut self, layer: u32) -> Taps {
        let block = Block::new(self.model, self.level, layer);
        let (calibration, stride) = (&self.calibration, self.stride);
        let taps: Vec<Taps> = self
            .images
            .par_iter_mut()
            .enumerate()
            .map(|(index, image)| {
                let stride = calibration.contains(&index).then_some(stride);
                block.run(&mut image.stream, stride)
            })
            .collect();
        let mut all = Taps::default();
        for taps in taps {
            all.qkv.extend(taps.qkv);
            all.proj.extend(taps.proj);
            all.fc1.extend(taps.fc1);
            all.fc2.extend(taps.fc2);
        }
        all
    }

    /// The answers for the first `count` images, after the last block.
    pub(crate) fn answers(self, count: usize, centroids: Option<&Centroids>) -> Vec<Answer> {
        let Self { model, level, .. } = self;
        let [weight, bias] = [NormPart::Weight, NormPart::Bias]
            .map(|part| model.weights.get(TensorRole::FinalNorm(part)));
        let dim = model.encoder.embed_dim as usize;
        let params = layer_norm::Params {
            dim,
            eps: model.encoder.layer_norm_eps,
        };
        let prefix = model.encoder.prefix_tokens() as usize * dim;
        let answer = |image: &Image| {
            let mut features = vec![0.0; image.stream.len()];
            layer_norm::cpu(level, &params, &image.stream, weight, bias, &mut features);
            let patches = features.split_off(prefix);
            features.truncate(dim);
            let (tokens, margins) = match centroids {
                Some(centroids) => centroids.tokenize(level, &image.patches, &patches),
                None => Default::default(),
            };
            Answer {
                class: features,
                patches,
                tokens,
                margins,
            }
        };
        self.images[..count].par_iter().map(answer).collect()
    }
}

impl Centroids {
    /// A codebook's centroids.
    pub(crate) fn new(codebook: &FloatCodebook) -> Self {
        let (size, dim) = (codebook.size as usize, codebook.dim as usize);
        Self {
            space: codebook.space,
            params: nearest_centroid::Params {
                dim,
                centroids: size,
            },
            panels: panels(size, dim, &codebook.centroids),
        }
    }

    /// Tokens and margins of an image's patches, by their pixels or their features.
    fn tokenize(&self, level: Level, pixels: &[f32], features: &[f32]) -> (Vec<u32>, Vec<f32>) {
        let rows = match self.space {
            CodebookSpace::Pixels => pixels,
            CodebookSpace::Features => features,
        };
        let count = rows.len() / self.params.dim;
        let mut tokens = vec![0; count];
        let mut distances = vec![0.0; count * 2];
        nearest_centroid::cpu(
            level,
            &self.params,
            rows,
            nearest_centroid::Centroids::F32(&self.panels),
            &mut tokens,
            &mut distances,
        );
        let margins = distances.chunks_exact(2).map(|two| two[1] - two[0]);
        (tokens, margins.collect())
    }
}

/// A linear layer with its weight in panels.
struct Layer<'m> {
    params: linear::Params,
    weight: Vec<f32>,
    bias: &'m [f32],
}

/// One block, ready to run.
struct Block<'m> {
    level: Level,
    norm: layer_norm::Params,
    norms: [[&'m [f32]; 2]; 2],
    attention: attention::Params,
    qkv: Layer<'m>,
    proj: Layer<'m>,
    fc1: Layer<'m>,
    fc2: Layer<'m>,
}

impl<'m> Block<'m> {
    fn new(model: &'m FloatModel, level: Level, layer: u32) -> Self {
        let encoder = &model.encoder;
        let (dim, hidden) = (encoder.embed_dim as usize, encoder.mlp_dim as usize);
        let get = |tensor| model.weights.get(TensorRole::Block { layer, tensor });
        let linear = |tensor: fn(LinearPart) -> BlockTensor, inputs, outputs| Layer {
            params: linear::Params {
                inputs,
                outputs,
                half: false,
            },
            weight: panels(outputs, inputs, get(tensor(LinearPart::Weight))),
            bias: get(tensor(LinearPart::Bias)),
        };
        let norm = |tensor: fn(NormPart) -> BlockTensor| {
            [NormPart::Weight, NormPart::Bias].map(|part| get(tensor(part)))
        };
        Self {
            level,
            norm: layer_norm::Params {
                dim,
                eps: encoder.layer_norm_eps,
            },
            norms: [norm(BlockTensor::Norm1), norm(BlockTensor::Norm2)],
            attention: attention::Params {
                tokens: encoder.tokens() as usize,
                heads: encoder.num_heads as usize,
                head_dim: encoder.head_dim() as usize,
            },
            qkv: linear(BlockTensor::Qkv, dim, 3 * dim),
            proj: linear(BlockTensor::Proj, dim, dim),
            fc1: linear(BlockTensor::Fc1, dim, hidden),
            fc2: linear(BlockTensor::Fc2, hidden, dim),
        }
    }

    /// `x += attention(norm1(x)); x += mlp(norm2(x))`, with every `stride`-th row that goes into a
    /// linear layer kept.
    fn run(&self, stream: &mut [f32], stride: Option<usize>) -> Taps {
        let keep = |rows: &[f32], width: usize| -> Vec<f32> {
            let stride = stride.map(|stride| rows.chunks_exact(width).step_by(stride));
            stride.into_iter().flatten().flatten().copied().collect()
        };
        let mut taps = Taps::default();
        let mut normed = self.normed(stream, 0);
        taps.qkv = keep(&normed, self.norm.dim);
        let qkv = self.linear(&self.qkv, &normed);
        let mut scratch = vec![0.0; attention::scratch_len(&self.attention)];
        attention::cpu(
            self.level,
            &self.attention,
            &qkv,
            0,
            &mut scratch,
            &mut normed,
        );
        taps.proj = keep(&normed, self.norm.dim);
        residual::cpu(self.level, &self.linear(&self.proj, &normed), stream);
        let normed = self.normed(stream, 1);
        taps.fc1 = keep(&normed, self.norm.dim);
        let mut hidden = self.linear(&self.fc1, &normed);
        gelu::cpu(self.level, &mut hidden);
        taps.fc2 = keep(&hidden, self.fc2.params.inputs);
        residual::cpu(self.level, &self.linear(&self.fc2, &hidden), stream);
        taps
    }

    fn normed(&self, stream: &[f32], which: usize) -> Vec<f32> {
        let [weight, bias] = self.norms[which];
        let mut normed = vec![0.0; stream.len()];
        layer_norm::cpu(self.level, &self.norm, stream, weight, bias, &mut normed);
        normed
    }

    fn linear(&self, layer: &Layer<'_>, x: &[f32]) -> Vec<f32> {
        let mut y = vec![0.0; x.len() / layer.params.inputs * layer.params.outputs];
        let weight = Panels::F32(&layer.weight);
        linear::cpu(self.level, &layer.params, x, weight, layer.bias, &mut y);
        y
    }
}

/// A row-major matrix `[n, k]` in panels.
pub(crate) fn panels(n: usize, k: usize, matrix: &[f32]) -> Vec<f32> {
    let mut packed = vec![0.0; panel::len16(n, k)];
    panel::pack16(n, k, matrix, &mut packed);
    packed
}
