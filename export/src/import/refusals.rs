//! Networks that are near an encoder but none that an op here computes: why, by a tensor's name.

use super::names::PATCH_WEIGHT;
use crate::ExportError;
use mimlet_checkpoint::Checkpoint;
use mimlet_format::TensorRole;

/// Parts of names that only such networks have, the telling ones first.
const REASONS: [(&str, &str); 33] = [
    ("dist_token", DISTILLATION),
    ("distillation_token", DISTILLATION),
    ("head_dist.", DISTILLATION),
    ("relative_position", RELATIVE),
    ("rel_pos", RELATIVE),
    ("lambda_1", RELATIVE),
    ("rope", ROPE),
    ("rotary", ROPE),
    ("freqs", ROPE),
    ("storage_tokens", ROPE),
    ("qkv.bias_mask", ROPE),
    ("embeddings.patch_embeddings.weight", ROPE),
    ("gamma_1", BEIT),
    ("attn.q_bias", BEIT),
    ("mlp.w12.", GATED),
    ("mlp.w1.", GATED),
    ("mlp.weights_in.", GATED),
    ("mlp.fc1_g.", GATED),
    ("mlp.gate_proj.", GATED),
    ("fc_norm.", POOLED),
    ("attn_pool.", ATTENTION_POOL),
    ("q_norm.", QK_NORM),
    ("k_norm.", QK_NORM),
    ("norm_pre.", PRE_NORM),
    ("ln_pre.", PRE_NORM),
    ("pre_layrnorm.", PRE_NORM),
    ("patch_embed.backbone.", HYBRID),
    ("patch_embed.norm.", HYBRID),
    ("patch_embed.proj.0.", HYBRID),
    ("downsample.", HIERARCHY),
    ("stages.", HIERARCHY),
    ("layers.", HIERARCHY),
    ("pos_embed_win", HIERARCHY),
];

const DISTILLATION: &str = "a distillation token (DeiT's distilled models) has no place in the \
                            format; export the model without distillation";
const RELATIVE: &str = "attention with a relative position bias (BEiT, Swin) is what no op here \
                        computes; export a ViT with absolute positions";
const BEIT: &str = "LayerScale and biases under these names (BEiT, EVA-02, DINOv3) come with relative or \
                    rotary positions, which no op here computes; export a ViT with absolute positions";
const ATTENTION_POOL: &str = "it pools by attention (SigLIP), which no op here computes; a class token \
                              is needed";
const ROPE: &str = "rotary positions (RoPE: DINOv3, EVA-02) are what no op here computes; export a \
                    ViT with absolute positions, such as DINOv2";
const GATED: &str = "a gated MLP (SwiGLU: DINOv2 giant, DINOv3, EVA-02) is what no op here computes; \
                     export a size with a GELU MLP";
const POOLED: &str = "it normalises the mean of the patches, and the class token has no final norm; \
                      export the pre-trained encoder, which has `norm`";
const QK_NORM: &str = "norms of queries and keys are what no op here computes";
const PRE_NORM: &str = "a norm before the first block (CLIP) is what no op here computes";
const HYBRID: &str = "a patch embedding of more than one convolution is what no op here computes";
const HIERARCHY: &str = "a network of stages or windows (Swin, ConvNeXt, Hiera) is no plain ViT; no \
                         op here computes it";

/// Why there is no op for the network that a tensor of this name belongs to.
pub(super) fn reason(name: &str) -> Option<&'static str> {
    let found = REASONS.iter().find(|(part, _)| {
        let at = name.find(part);
        // Whole names or what follows a dot: `head.mlp.w1.` is no `mlp.w1.` of a block, and
        // `my_layers.` no `layers.`.
        at.is_some_and(|at| at == 0 || matches!(name.as_bytes()[at - 1], b'.' | b'_'))
    });
    found.map(|(_, reason)| *reason)
}

/// The first tensor that tells of a network without an op, in the order of [`REASONS`].
pub(super) fn telling(checkpoint: &Checkpoint) -> Option<ExportError> {
    let refusal = |(name, shape): (&str, &[usize])| ExportError::NoOp {
        path: checkpoint.path().to_owned(),
        name: name.to_owned(),
        shape: shape.to_vec(),
        reason: reason(name).unwrap_or_default().to_owned(),
    };
    let rank = |name: &str| {
        let found = reason(name)?;
        REASONS.iter().position(|(_, reason)| *reason == found)
    };
    let ranked = checkpoint
        .shapes()
        .filter_map(|tensor| Some((rank(tensor.0)?, tensor)));
    ranked
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, tensor)| refusal(tensor))
}

/// Why a checkpoint without a ViT's patch embedding is refused.
pub(super) fn no_encoder(checkpoint: &Checkpoint) -> ExportError {
    telling(checkpoint).unwrap_or_else(|| ExportError::MissingTensor {
        path: checkpoint.path().to_owned(),
        name: PATCH_WEIGHT.to_owned(),
        role: TensorRole::PatchEmbedWeight,
        expected: Vec::new(),
    })
}
