//! The encoder: a pre-norm ViT over any subset of an image's patches.

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::block::Block;
use super::init::Init;
use super::linear::linear;
use super::norm::LayerNorm;
use super::positions::sin_cos;
use crate::config::ModelConfig;

/// A ViT encoder with timm's parameter names.
#[derive(Module, Debug)]
pub struct Vit {
    cls_token: Param<Tensor<3>>,
    /// `[1, 1 + patches, dim]`; not trained.
    pos_embed: Param<Tensor<3>>,
    patch_embed: PatchEmbed,
    blocks: Vec<Block>,
    norm: LayerNorm,
}

/// Patch embedding: a stride-p convolution, computed as a matrix product.
#[derive(Module, Debug)]
struct PatchEmbed {
    proj: Projection,
}

/// The convolution's parameters.
#[derive(Module, Debug)]
struct Projection {
    /// `[dim, 3, p, p]`.
    weight: Param<Tensor<4>>,
    /// `[dim]`.
    bias: Param<Tensor<1>>,
}

impl Vit {
    /// Fresh weights.
    pub fn new(config: &ModelConfig, init: &mut Init<'_>) -> Self {
        let (dim, side) = (config.dim, config.patch_size);
        let table = sin_cos(config.image_size / side, dim);
        Self {
            cls_token: init.token(dim),
            pos_embed: init
                .given([1, 1 + config.patches(), dim], table)
                .set_require_grad(false),
            patch_embed: PatchEmbed {
                proj: Projection {
                    weight: init.xavier([dim, 3, side, side]),
                    bias: init.constant([dim], 0.0),
                },
            },
            blocks: (0..config.depth)
                .map(|_| Block::new(init, dim, config.heads, config.mlp))
                .collect(),
            norm: LayerNorm::new(init, dim),
        }
    }

    /// Features after the final norm, `[batch * (1 + seen), dim]`: for each image its class token,
    /// then its patches in the order given.
    ///
    /// `patches` is `[batch * seen, 3 p p]` (channel, row, column); `indices`, `[batch * seen]`,
    /// says where in the image each lies.
    pub fn forward(&self, patches: Tensor<2>, indices: Tensor<1, Int>, batch: usize) -> Tensor<2> {
        let blocks = self.blocks.len();
        self.norm
            .forward(self.forward_until(patches, indices, batch, blocks))
    }

    /// As [`Vit::forward`], the branches of block `i` times `scales[i]`; blocks beyond the last
    /// scale are left whole. See [`Block::forward_scaled`].
    pub fn forward_scaled(
        &self,
        patches: Tensor<2>,
        indices: Tensor<1, Int>,
        batch: usize,
        scales: &[[Tensor<2>; 2]],
    ) -> Tensor<2> {
        let mut x = self.embed(patches, indices, batch);
        for (index, block) in self.blocks.iter().enumerate() {
            x = match scales.get(index) {
                Some(scales) => block.forward_scaled(x, batch, scales),
                None => block.forward(x, batch),
            };
        }
        self.norm.forward(x)
    }

    /// As [`Vit::forward`], after the first `blocks` blocks and without the final norm.
    fn forward_until(
        &self,
        patches: Tensor<2>,
        indices: Tensor<1, Int>,
        batch: usize,
        blocks: usize,
    ) -> Tensor<2> {
        let mut x = self.embed(patches, indices, batch);
        for block in &self.blocks[..blocks] {
            x = block.forward(x, batch);
        }
        x
    }

    /// What the first block sees, `[batch * (1 + seen), dim]`.
    fn embed(&self, patches: Tensor<2>, indices: Tensor<1, Int>, batch: usize) -> Tensor<2> {
        let [rows, patch_dim] = patches.dims();
        let dim = self.norm.weight.dims()[0];
        let seen = rows / batch;
        let projection = &self.patch_embed.proj;
        let weight = projection.weight.val().reshape([dim, patch_dim]);
        let embedded = linear(patches, weight, projection.bias.val());
        let positions: Tensor<2> = self.pos_embed.val().squeeze_dim(0);
        let embedded = embedded + positions.clone().select(0, indices + 1);
        let class = self.cls_token.val() + positions.narrow(0, 0, 1).unsqueeze();
        let tokens = Tensor::cat(
            vec![
                class.expand([batch, 1, dim]),
                embedded.reshape([batch, seen, dim]),
            ],
            1,
        );
        tokens.reshape([batch * (1 + seen), dim])
    }

    /// Features of whole images, `[images, 1 + patches, dim]`, from `patches`,
    /// `[images * patches, 3 p p]` row-major.
    pub fn encode(&self, config: &ModelConfig, patches: Vec<f32>, device: &Device) -> Tensor<3> {
        let x = self.encode_until(config, patches, device, self.blocks.len());
        let dims = x.dims();
        let rows = x.reshape([dims[0] * dims[1], dims[2]]);
        self.norm.forward(rows).reshape(dims)
    }

    /// As [`Vit::encode`], after the first `blocks` blocks and without the final norm.
    pub fn encode_until(
        &self,
        config: &ModelConfig,
        patches: Vec<f32>,
        device: &Device,
        blocks: usize,
    ) -> Tensor<3> {
        let (count, patch_dim) = (config.patches(), config.patch_dim());
        let rows = patches.len() / patch_dim;
        let indices: Vec<i32> = (0..rows).map(|row| (row % count) as i32).collect();
        let patches = Tensor::from_data(TensorData::new(patches, [rows, patch_dim]), device);
        let indices = Tensor::from_data(TensorData::new(indices, [rows]), device);
        let batch = rows / count;
        self.forward_until(patches, indices, batch, blocks)
            .reshape([batch, 1 + count, config.dim])
    }
}
