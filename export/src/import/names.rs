//! Which of timm's and MAE's parameter names belong to an encoder, and which roles they have.

use super::SafetensorsFile;
use crate::ExportError;
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
const BESIDE: [&str; 5] = ["decoder_", "mask_token", "head.", "optim.", "pre_logits."];

/// The names of tensors that an encoder has no use for, in order.
///
/// # Errors
/// [`ExportError::UnknownTensor`] for the first that is neither such nor the encoder's.
pub(super) fn ignored(file: &SafetensorsFile) -> Result<Vec<String>, ExportError> {
    let mut ignored = Vec::new();
    for (name, shape) in file.shapes() {
        if BESIDE.iter().any(|prefix| name.starts_with(prefix)) {
            ignored.push(name.to_owned());
        } else if !is_encoder(name) {
            return Err(ExportError::UnknownTensor {
                path: file.path().to_owned(),
                name: name.to_owned(),
                shape: shape.to_vec(),
            });
        }
    }
    Ok(ignored)
}

fn is_encoder(name: &str) -> bool {
    const WHOLE: [&str; 7] = [
        CLASS_TOKEN,
        REGISTERS,
        POSITIONS,
        PATCH_WEIGHT,
        PATCH_BIAS,
        "norm.weight",
        "norm.bias",
    ];
    WHOLE.contains(&name)
        || block_index(name).is_some_and(|layer| {
            BLOCK
                .iter()
                .any(|&tensor| name_of(TensorRole::Block { layer, tensor }) == name)
        })
}

/// The block a name belongs to: 3 of `blocks.3.norm1.weight`.
pub(super) fn block_index(name: &str) -> Option<u32> {
    let (index, _) = name.strip_prefix("blocks.")?.split_once('.')?;
    index.parse().ok()
}

/// The checkpoint's name for a role that is stored there as it is. The format's own names are
/// timm's.
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
