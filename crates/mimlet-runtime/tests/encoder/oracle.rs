//! The encoder as a plain composition of the ops' oracles on row-major float weights.

use crate::random_model::{RandomModel, linear};
use mimlet_format::{BlockTensor, CodebookSpace, LinearPart, NormPart, TensorRole};
use mimlet_kernels::{
    attention, gelu, layer_norm, linear as linear_op, nearest_centroid, patch_embed, residual,
};
use mimlet_runtime::Encoding;

/// What the model makes of its image.
pub(crate) fn encode(model: &RandomModel) -> Encoding {
    let config = &model.encoder;
    let dim = config.embed_dim as usize;
    let patches = model.patches();
    let params = patch_embed::Params {
        prefix: config.prefix_tokens() as usize,
        patches: config.patches() as usize,
        patch_dim: config.patch_dim() as usize,
        embed_dim: dim,
        half: false,
        fused: false,
    };
    let table = &model.tensors[&TensorRole::TokenTable];
    let mut stream = vec![0.0; table.len()];
    let weight = &model.tensors[&TensorRole::PatchEmbedWeight];
    patch_embed::reference(&params, &patches, weight, table, &mut stream);
    for layer in 0..config.depth {
        block(model, layer, &mut stream);
    }
    let features = norm(model, TensorRole::FinalNorm, &stream);

    let (class, patch_features) = (&features[..dim], &features[params.prefix * dim..]);
    let rows = match model.codebook.space {
        CodebookSpace::Pixels => &patches,
        CodebookSpace::Features => patch_features,
    };
    let book = nearest_centroid::Params {
        dim: model.codebook.dim as usize,
        centroids: model.codebook.size as usize,
    };
    let mut tokens = vec![0; params.patches];
    let mut distances = vec![0.0; 2 * params.patches];
    let centroids = &model.tensors[&TensorRole::Centroids];
    nearest_centroid::reference(&book, rows, centroids, &mut tokens, &mut distances);
    Encoding {
        class: class.to_vec(),
        patches: patch_features.to_vec(),
        tokens,
        distances: distances.iter().copied().step_by(2).collect(),
        margins: distances.chunks(2).map(|pair| pair[1] - pair[0]).collect(),
    }
}

fn block(model: &RandomModel, layer: u32, stream: &mut [f32]) {
    let config = &model.encoder;
    let (dim, mlp_dim) = (config.embed_dim as usize, config.mlp_dim as usize);
    let norm1 = |part| TensorRole::Block {
        layer,
        tensor: BlockTensor::Norm1(part),
    };
    let normed = norm(model, norm1, stream);
    let qkv = layer_of(model, layer, BlockTensor::Qkv, &normed, dim, 3 * dim);
    let params = attention::Params {
        tokens: config.tokens() as usize,
        heads: config.num_heads as usize,
        head_dim: config.head_dim() as usize,
        exact: false,
    };
    let mut attended = vec![0.0; stream.len()];
    attention::reference(&params, &qkv, &mut attended);
    residual::reference(
        &layer_of(model, layer, BlockTensor::Proj, &attended, dim, dim),
        stream,
    );

    let norm2 = |part| TensorRole::Block {
        layer,
        tensor: BlockTensor::Norm2(part),
    };
    let normed = norm(model, norm2, stream);
    let mut hidden = layer_of(model, layer, BlockTensor::Fc1, &normed, dim, mlp_dim);
    gelu::reference(&mut hidden);
    residual::reference(
        &layer_of(model, layer, BlockTensor::Fc2, &hidden, mlp_dim, dim),
        stream,
    );
}

fn norm(model: &RandomModel, role: impl Fn(NormPart) -> TensorRole, x: &[f32]) -> Vec<f32> {
    let params = layer_norm::Params {
        dim: model.encoder.embed_dim as usize,
        eps: model.encoder.layer_norm_eps,
    };
    let mut y = vec![0.0; x.len()];
    let [weight, bias] = [NormPart::Weight, NormPart::Bias].map(|part| &model.tensors[&role(part)]);
    layer_norm::reference(&params, x, weight, bias, &mut y);
    y
}

fn layer_of(
    model: &RandomModel,
    layer: u32,
    tensor: fn(LinearPart) -> BlockTensor,
    x: &[f32],
    inputs: usize,
    outputs: usize,
) -> Vec<f32> {
    let params = linear_op::Params {
        inputs,
        outputs,
        half: false,
    };
    let [weight, bias] = linear(layer, tensor).map(|role| &model.tensors[&role]);
    let mut y = vec![0.0; x.len() / inputs * outputs];
    linear_op::reference(&params, x, weight, bias, &mut y);
    y
}
