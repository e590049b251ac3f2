//! How tensors, element types and layouts are called in messages and listings.

use crate::{BlockTensor, DType, GoldenTensor, Layout, LinearPart, NormPart, TensorRole};
use core::fmt;

impl fmt::Display for TensorRole {
    /// The names of timm's `VisionTransformer` where it has one: `blocks.3.attn.qkv.weight`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PatchEmbedWeight => f.write_str("patch_embed.weight"),
            Self::TokenTable => f.write_str("token_table"),
            Self::Block { layer, tensor } => write!(f, "blocks.{layer}.{tensor}"),
            Self::FinalNorm(part) => write!(f, "norm.{part}"),
            Self::Centroids => f.write_str("codebook.centroids"),
            Self::CentroidScale => f.write_str("codebook.scale"),
            Self::Golden(tensor) => write!(f, "golden.{tensor}"),
        }
    }
}

impl fmt::Display for BlockTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Norm1(part) => write!(f, "norm1.{part}"),
            Self::Qkv(part) => write!(f, "attn.qkv.{part}"),
            Self::Proj(part) => write!(f, "attn.proj.{part}"),
            Self::Norm2(part) => write!(f, "norm2.{part}"),
            Self::Fc1(part) => write!(f, "mlp.fc1.{part}"),
            Self::Fc2(part) => write!(f, "mlp.fc2.{part}"),
        }
    }
}

impl fmt::Display for NormPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Weight => "weight",
            Self::Bias => "bias",
        })
    }
}

impl fmt::Display for LinearPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Weight => "weight",
            Self::Bias => "bias",
            Self::Scale => "scale",
        })
    }
}

impl fmt::Display for GoldenTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Images => "images",
            Self::ClassFeatures => "class_features",
            Self::PatchFeatures => "patch_features",
            Self::Tokens => "tokens",
            Self::Margins => "margins",
            Self::OwnMeanFeature => "own_mean_feature",
        })
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::I8 => "i8",
            Self::U8 => "u8",
            Self::U32 => "u32",
            Self::I4 => "i4",
        })
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RowMajor => "row-major",
            Self::Panel16 => "panel16",
            Self::Panel16x4 => "panel16x4",
            Self::Panel16x8 => "panel16x8",
        })
    }
}
