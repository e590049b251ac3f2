//! The masked autoencoder around the encoder, with a K-way head or one that gives pixels.

use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor, activation};

use super::block::Block;
use super::fused;
use super::init::Init;
use super::linear::Linear;
use super::norm::LayerNorm;
use super::positions::sin_cos;
use super::vit::Vit;
use crate::config::Config;

/// Encoder and decoder.
#[derive(Module, Debug)]
pub struct Mae {
    /// What is kept.
    pub encoder: Vit,
    decoder: Decoder,
}

/// A small transformer that guesses the token of each masked patch. Its parameters are named
/// `decoder_*` (and `mask_token`), as in MAE.
#[derive(Module, Debug)]
struct Decoder {
    embed: Linear,
    mask_token: Param<Tensor<3>>,
    /// `[1, 1 + patches, dim]`; not trained.
    pos_embed: Param<Tensor<3>>,
    blocks: Vec<Block>,
    norm: LayerNorm,
    /// To `K` logits, or the values of a patch.
    pred: Linear,
}

/// What one step shows the network, on its device.
#[derive(Debug, Clone)]
pub struct MaskedImages {
    /// Images.
    pub batch: usize,
    /// Visible patches, `[batch * visible, 3 p p]`.
    pub patches: Tensor<2>,
    /// Where the visible patches lie, `[batch * visible]`.
    pub visible: Tensor<1, Int>,
    /// Where the masked patches lie, `[batch * masked]`.
    pub masked: Tensor<1, Int>,
}

impl Mae {
    /// Fresh weights; the head gives `outputs` values for each hidden patch.
    pub fn new(config: &Config, outputs: usize, init: &mut Init<'_>) -> Self {
        let (model, shape) = (&config.model, &config.decoder);
        init.set_precision(config.train.precision);
        let table = sin_cos(model.image_size / model.patch_size, shape.dim);
        let encoder = Vit::new(model, init);
        let decoder = Decoder {
            embed: Linear::new(init, model.dim, shape.dim),
            mask_token: init.token(shape.dim),
            pos_embed: init
                .given([1, 1 + model.patches(), shape.dim], table)
                .set_require_grad(false),
            blocks: (0..shape.depth)
                .map(|_| Block::new(init, shape.dim, shape.heads, shape.mlp))
                .collect(),
            norm: LayerNorm::new(init, shape.dim),
            pred: Linear::new(init, shape.dim, outputs),
        };
        Self { encoder, decoder }
    }

    /// What the head says of the masked patches, `[batch * masked, outputs]`.
    pub fn forward(&self, input: MaskedImages) -> Tensor<2> {
        let latent = self
            .encoder
            .forward(input.patches, input.visible.clone(), input.batch);
        self.decoder
            .forward(latent, input.visible, input.masked, input.batch)
    }
}

impl Decoder {
    /// Attention does not see the order of its tokens, only the positions added to them, so the
    /// visible and the masked patches stay in two runs and nothing is gathered back into place.
    fn forward(
        &self,
        latent: Tensor<2>,
        visible: Tensor<1, Int>,
        masked: Tensor<1, Int>,
        batch: usize,
    ) -> Tensor<2> {
        let dim = self.norm.weight.dims()[0];
        let hidden = masked.dims()[0] / batch;
        let positions: Tensor<2> = self.pos_embed.val().squeeze_dim(0);
        let seen = 1 + visible.dims()[0] / batch;
        // The class token's position is zero, so only the patches receive one.
        let class = positions.clone().narrow(0, 0, 1).unsqueeze::<3>();
        let place = |indices: Tensor<1, Int>, count| {
            let rows = positions.clone().select(0, indices + 1);
            rows.reshape([batch, count, dim])
        };
        let seen_places = Tensor::cat(
            vec![class.expand([batch, 1, dim]), place(visible, seen - 1)],
            1,
        );
        let known = self.embed.forward(latent).reshape([batch, seen, dim]) + seen_places;
        let asked = place(masked, hidden) + self.mask_token.val();
        let tokens = seen + hidden;
        let mut x = Tensor::cat(vec![known, asked], 1).reshape([batch * tokens, dim]);
        for block in &self.blocks {
            x = block.forward(x, batch);
        }
        let x = x
            .reshape([batch, tokens, dim])
            .narrow(1, seen, hidden)
            .reshape([batch * hidden, dim]);
        self.pred.forward(self.norm.forward(x))
    }
}

/// Mean cross-entropy, nats: of `logits` `[rows, K]` against `targets` `[rows]`.
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    if fused::applies(&logits) {
        return fused::cross_entropy(logits, targets);
    }
    let picked = activation::log_softmax(logits, 1).gather(1, targets.unsqueeze_dim(1));
    picked.mean().neg()
}
