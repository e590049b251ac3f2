//! Which tensors of a checkpoint belong to an encoder, by their names.
//!
//! A role goes by timm's name for it, which is the format's too. A [`Family`] of checkpoints says how
//! its own names stand to those.

use super::refusals;
use crate::ExportError;
use mimlet_checkpoint::{Checkpoint, Kind};
use mimlet_format::{BlockTensor, LinearPart, NormPart, TensorRole};

/// Class token, `[1, 1, embed_dim]`.
pub(super) const CLASS_TOKEN: &str = "cls_token";
/// Register tokens, `[1, register_tokens, embed_dim]`.
pub(super) const REGISTERS: &str = "reg_token";
/// Positions, `[1, tokens, embed_dim]`, with or without those of the prefix tokens.
pub(super) const POSITIONS: &str = "pos_embed";
/// The patch embedding's convolution, `[embed_dim, 3, patch, patch]`.
pub(super) const PATCH_WEIGHT: &str = "patch_embed.proj.weight";
/// The patch embedding's bias, `[embed_dim]`.
pub(super) const PATCH_BIAS: &str = "patch_embed.proj.bias";

/// What pre-training and classification put beside an encoder: MAE's decoder, heads, and the
/// optimiser of `mimlet-train`'s running checkpoints.
const BESIDE: [&str; 18] = [
    "bottleneck.",
    "classifier.",
    "decoder.",
    "decoder_",
    "dino_head.",
    "embeddings.mask_token",
    "fc.",
    "head.",
    "heads.",
    "ibot_head.",
    "mask_token",
    "optim.",
    "pooler.",
    "pre_logits.",
    "predictor.",
    "projection_head.",
    "projector.",
    "prototypes.",
];

/// How a family of checkpoints names an encoder's tensors.
#[derive(Debug)]
struct Family {
    /// What precedes a block's index.
    blocks: &'static str,
    /// Its names of tensors outside the blocks, with timm's.
    whole: &'static [(&'static str, &'static str)],
    /// Its names of a block's layers, with timm's; queries, keys and values may be three.
    layers: &'static [(&'static [&'static str], &'static str)],
    /// Its names of LayerScale's gains, with timm's of the layer that they scale.
    gains: &'static [(&'static str, &'static str)],
}

/// timm's `VisionTransformer`, MAE, DINO and what follows them.
const TIMM: Family = Family {
    blocks: "blocks.",
    whole: &[
        (CLASS_TOKEN, CLASS_TOKEN),
        (REGISTERS, REGISTERS),
        ("register_tokens", REGISTERS),
        (POSITIONS, POSITIONS),
        (PATCH_WEIGHT, PATCH_WEIGHT),
        (PATCH_BIAS, PATCH_BIAS),
        ("norm.weight", "norm.weight"),
        ("norm.bias", "norm.bias"),
    ],
    layers: &[
        (&["norm1"], "norm1"),
        (&["attn.qkv"], "attn.qkv"),
        (&["attn.proj"], "attn.proj"),
        (&["norm2"], "norm2"),
        (&["mlp.fc1"], "mlp.fc1"),
        (&["mlp.fc2"], "mlp.fc2"),
    ],
    gains: &[("ls1.gamma", "attn.proj"), ("ls2.gamma", "mlp.fc2")],
};

/// The tensors outside the blocks of Hugging Face's ViTs.
const HF_WHOLE: &[(&str, &str)] = &[
    ("embeddings.cls_token", CLASS_TOKEN),
    ("embeddings.register_tokens", REGISTERS),
    ("embeddings.position_embeddings", POSITIONS),
    (
        "embeddings.patch_embeddings.projection.weight",
        PATCH_WEIGHT,
    ),
    ("embeddings.patch_embeddings.projection.bias", PATCH_BIAS),
    ("layernorm.weight", "norm.weight"),
    ("layernorm.bias", "norm.bias"),
];

/// Queries, keys and values of Hugging Face's ViTs.
const HF_QKV: &[&str] = &[
    "attention.attention.query",
    "attention.attention.key",
    "attention.attention.value",
];

/// Hugging Face's `ViTModel`.
const HF_VIT: Family = Family {
    blocks: "encoder.layer.",
    whole: HF_WHOLE,
    layers: &[
        (&["layernorm_before"], "norm1"),
        (HF_QKV, "attn.qkv"),
        (&["attention.output.dense"], "attn.proj"),
        (&["layernorm_after"], "norm2"),
        (&["intermediate.dense"], "mlp.fc1"),
        (&["output.dense"], "mlp.fc2"),
    ],
    gains: &[],
};

/// Hugging Face's `Dinov2Model`, with or without registers.
const HF_DINOV2: Family = Family {
    blocks: "encoder.layer.",
    whole: HF_WHOLE,
    layers: &[
        (&["norm1"], "norm1"),
        (HF_QKV, "attn.qkv"),
        (&["attention.output.dense"], "attn.proj"),
        (&["norm2"], "norm2"),
        (&["mlp.fc1"], "mlp.fc1"),
        (&["mlp.fc2"], "mlp.fc2"),
    ],
    gains: &[
        ("layer_scale1.lambda1", "attn.proj"),
        ("layer_scale2.lambda1", "mlp.fc2"),
    ],
};

/// What a checkpoint's tensor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// An encoder's, or a third of its queries, keys and values.
    Encoder,
    /// LayerScale's gain of a layer, `blocks.3.attn.proj`.
    Gain(String),
    /// Nothing that an encoder needs.
    Beside,
    /// None of these, or of a network that there is no op for.
    Unknown,
}

/// How one checkpoint names its encoder.
#[derive(Debug)]
pub(super) struct Dialect {
    family: &'static Family,
    /// What precedes every name: `module.`, `teacher.backbone.`, nothing.
    prefix: String,
    rule: super::PositionRule,
}

impl Dialect {
    /// Finds the patch embedding, whose name tells the family and what precedes its names.
    ///
    /// # Errors
    /// [`ExportError::Content`] when there is more than one encoder, [`ExportError::NoOp`] for
    /// networks known to be none, [`ExportError::MissingTensor`] for the rest.
    pub(super) fn of(checkpoint: &Checkpoint) -> Result<Self, ExportError> {
        let anchors = [HF_WHOLE[3].0, PATCH_WEIGHT];
        let mut found: Vec<(String, usize)> = Vec::new();
        for (name, _) in checkpoint.shapes() {
            for (index, anchor) in anchors.iter().enumerate() {
                let prefix = name.strip_suffix(anchor);
                let prefix = prefix.filter(|prefix| prefix.is_empty() || prefix.ends_with('.'));
                found.extend(prefix.map(|prefix| (prefix.to_owned(), index)));
            }
        }
        let (prefix, anchor) = match &found[..] {
            [one] => one.clone(),
            [] => return Err(refusals::no_encoder(checkpoint)),
            [(one, _), (two, _), ..] => {
                let reason = format!(
                    "holds more than one encoder, under {one:?} and {two:?}; save the one to export"
                );
                return Err(ExportError::content(checkpoint.path(), reason));
            }
        };
        let has = |name: &str| checkpoint.shape(&format!("{prefix}{name}")).is_some();
        let family = match anchor {
            0 if has("encoder.layer.0.norm1.weight") => &HF_DINOV2,
            0 => &HF_VIT,
            _ => &TIMM,
        };
        let rule = match anchor {
            0 if has("embeddings.register_tokens") => super::PositionRule::Timm,
            0 => super::PositionRule::HuggingFace,
            // Meta's own files keep the mask token, and its code shifts the grid by 0.1 cells but in
            // the models with registers.
            _ if checkpoint.kind() == Kind::PyTorch
                && has("mask_token")
                && has("blocks.0.ls1.gamma")
                && !has("register_tokens") =>
            {
                super::PositionRule::Dinov2
            }
            _ => super::PositionRule::Timm,
        };
        Ok(Self {
            family,
            prefix,
            rule,
        })
    }

    /// How the library of such checkpoints takes positions to other sizes.
    pub(super) fn rule(&self) -> super::PositionRule {
        self.rule
    }

    /// What a tensor is.
    pub(super) fn place(&self, name: &str) -> Place {
        let Some(name) = name.strip_prefix(&self.prefix) else {
            return Place::Beside; // Outside the module that is the encoder.
        };
        if self.family.whole.iter().any(|(theirs, _)| *theirs == name) {
            return Place::Encoder;
        }
        if let Some((index, rest)) = self.in_block(name) {
            let gain = self.family.gains.iter().find(|(theirs, _)| *theirs == rest);
            if let Some((_, layer)) = gain {
                return Place::Gain(format!("blocks.{index}.{layer}"));
            }
            let layer = ["weight", "bias"]
                .iter()
                .find_map(|part| rest.strip_suffix(part)?.strip_suffix('.'));
            let mut layers = self.family.layers.iter().flat_map(|(theirs, _)| *theirs);
            if layer.is_some_and(|layer| layers.any(|theirs| *theirs == layer)) {
                return Place::Encoder;
            }
        }
        let beside = BESIDE.iter().any(|prefix| name.starts_with(prefix));
        match beside && refusals::reason(name).is_none() {
            true => Place::Beside,
            false => Place::Unknown,
        }
    }

    /// The block of a tensor, and its name there.
    fn in_block<'n>(&self, name: &'n str) -> Option<(u32, &'n str)> {
        let (index, rest) = name.strip_prefix(self.family.blocks)?.split_once('.')?;
        Some((index.parse().ok()?, rest))
    }

    /// The block that a tensor of the checkpoint belongs to.
    pub(super) fn block_index(&self, name: &str) -> Option<u32> {
        Some(self.in_block(name.strip_prefix(&self.prefix)?)?.0)
    }

    /// The checkpoint's names of what timm names so: one, or three.
    pub(super) fn names(&self, ours: &str) -> Vec<String> {
        let Self { family, prefix, .. } = self;
        let block = ours
            .strip_prefix("blocks.")
            .and_then(|rest| rest.split_once('.'));
        if let Some((index, rest)) = block
            && let Some((layer, part)) = rest.rsplit_once('.')
            && let Some((theirs, _)) = family.layers.iter().find(|(_, ours)| *ours == layer)
        {
            let blocks = family.blocks;
            let name = |theirs: &&str| format!("{prefix}{blocks}{index}.{theirs}.{part}");
            return theirs.iter().map(name).collect();
        }
        let whole = family.whole.iter().filter(|(_, name)| *name == ours);
        whole
            .map(|(theirs, _)| format!("{prefix}{theirs}"))
            .collect()
    }
}

/// timm's name for a role. The format's own names are timm's.
pub(super) fn name_of(role: TensorRole) -> String {
    role.to_string()
}

/// The tensors of a block.
pub(super) const BLOCK: [BlockTensor; 12] = [
    BlockTensor::Norm1(NormPart::Weight),
    BlockTensor::Norm1(NormPart::Bias),
    BlockTensor::Qkv(LinearPart::Weight),
    BlockTensor::Qkv(LinearPart::Bias),
    BlockTensor::Proj(LinearPart::Weight),
    BlockTensor::Proj(LinearPart::Bias),
    BlockTensor::Norm2(NormPart::Weight),
    BlockTensor::Norm2(NormPart::Bias),
    BlockTensor::Fc1(LinearPart::Weight),
    BlockTensor::Fc1(LinearPart::Bias),
    BlockTensor::Fc2(LinearPart::Weight),
    BlockTensor::Fc2(LinearPart::Bias),
];
