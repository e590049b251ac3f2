//! What each tensor's role asks for: shape, element type, layout, and which roles a file must have.

use crate::limits::MAX_DEPTH;
use crate::{
    BlockTensor, DType, EncoderConfig, GoldenTensor, Layout, LinearPart, Manifest, NormPart,
    TensorRole,
};
use alloc::vec;
use alloc::vec::Vec;

/// The shape a tensor has by the encoder's configuration, its codebook and its acceptance test. For
/// a scale it is that of a byte weight's, `[outputs]`: an i4 weight's has one more axis, see
/// [`group_size`](crate::group_size).
///
/// `None` when the manifest has no place for the role (a layer past `depth`, a token array without
/// a codebook) or its sizes overflow.
pub fn expected_shape(role: TensorRole, manifest: &Manifest) -> Option<Vec<u32>> {
    let encoder = &manifest.encoder;
    let dim = encoder.embed_dim;
    Some(match role {
        TensorRole::PatchEmbedWeight => vec![dim, patch_dim(encoder)?],
        TensorRole::TokenTable => vec![tokens(encoder)?, dim],
        TensorRole::Block { layer, .. } if layer >= encoder.depth => return None,
        TensorRole::Block { tensor, .. } => block_shape(tensor, encoder)?,
        TensorRole::FinalNorm(_) => vec![dim],
        TensorRole::Centroids => {
            let codebook = manifest.codebook.as_ref()?;
            vec![codebook.size, codebook.dim]
        }
        TensorRole::CentroidScale => vec![manifest.codebook.as_ref()?.size],
        TensorRole::Golden(tensor) => golden_shape(tensor, manifest)?,
    })
}

fn block_shape(tensor: BlockTensor, encoder: &EncoderConfig) -> Option<Vec<u32>> {
    let (dim, hidden) = (encoder.embed_dim, encoder.mlp_dim);
    let (outputs, inputs, part) = match tensor {
        BlockTensor::Norm1(_) | BlockTensor::Norm2(_) => return Some(vec![dim]),
        BlockTensor::Qkv(part) => (dim.checked_mul(3)?, dim, part),
        BlockTensor::Proj(part) => (dim, dim, part),
        BlockTensor::Fc1(part) => (hidden, dim, part),
        BlockTensor::Fc2(part) => (dim, hidden, part),
    };
    Some(match part {
        LinearPart::Weight => vec![outputs, inputs],
        LinearPart::Bias | LinearPart::Scale => vec![outputs],
    })
}

fn golden_shape(tensor: GoldenTensor, manifest: &Manifest) -> Option<Vec<u32>> {
    let encoder = &manifest.encoder;
    let images = manifest.acceptance.images;
    let [height, width] = encoder.image_size;
    Some(match tensor {
        GoldenTensor::Images => vec![images, height, width, EncoderConfig::CHANNELS],
        GoldenTensor::ClassFeatures => vec![images, encoder.embed_dim],
        GoldenTensor::PatchFeatures => vec![images, patches(encoder)?, encoder.embed_dim],
        GoldenTensor::OwnMeanFeature => {
            manifest.acceptance.own.as_ref()?;
            vec![encoder.embed_dim]
        }
        GoldenTensor::Tokens | GoldenTensor::Margins => {
            manifest.codebook.as_ref()?;
            vec![images, patches(encoder)?]
        }
    })
}

// The methods of `EncoderConfig` trust their fields; these do not, so that `expected_shape` may be
// asked before a manifest is checked.

fn patches(encoder: &EncoderConfig) -> Option<u32> {
    let [rows, columns] = encoder
        .image_size
        .map(|side| side.checked_div(encoder.patch_size));
    rows?.checked_mul(columns?)
}

fn tokens(encoder: &EncoderConfig) -> Option<u32> {
    patches(encoder)?
        .checked_add(encoder.register_tokens)?
        .checked_add(1)
}

fn patch_dim(encoder: &EncoderConfig) -> Option<u32> {
    encoder
        .patch_size
        .checked_mul(encoder.patch_size)?
        .checked_mul(EncoderConfig::CHANNELS)
}

/// The layout of a role's tensor when it has this element type; `None` when it may not have it.
///
/// Weights, centroids and group scales, which kernels stream, are in panels; everything else is
/// row-major. The four linear layers of a block may be integers, the patch embedding may not: it has
/// no scale. A linear layer's scale is f32 beside i8 and f16 beside i4, and nothing else.
pub fn layout_for(role: TensorRole, dtype: DType) -> Option<Layout> {
    let is_linear = |part| linear_part(role, part, part).is_some();
    match (role, dtype) {
        (_, DType::I8) if is_linear(LinearPart::Weight) => Some(Layout::Panel16x4),
        (_, DType::I4) if is_linear(LinearPart::Weight) => Some(Layout::Panel16x8),
        (_, DType::F32 | DType::F16) if is_weight(role) => Some(Layout::Panel16),
        (_, DType::F16) if is_linear(LinearPart::Scale) => Some(Layout::Panel16),
        (TensorRole::Centroids, DType::F32 | DType::F16 | DType::I8) => Some(Layout::Panel16),
        (TensorRole::Centroids, _) => None,
        _ => (!is_weight(role) && dtype == plain_dtype(role)).then_some(Layout::RowMajor),
    }
}

/// The matrices that make up nearly all of a file.
pub(crate) fn is_weight(role: TensorRole) -> bool {
    let part = LinearPart::Weight;
    role == TensorRole::PatchEmbedWeight || linear_part(role, part, part).is_some()
}

/// The one element type of a role that is no weight.
fn plain_dtype(role: TensorRole) -> DType {
    match role {
        TensorRole::Golden(GoldenTensor::Images) => DType::U8,
        TensorRole::Golden(GoldenTensor::PatchFeatures) => DType::F16,
        TensorRole::Golden(GoldenTensor::Tokens) => DType::U32,
        _ => DType::F32,
    }
}

/// The roles every file with this manifest has, in table order. Scales are not among them: they go
/// with the weights that are integers, see [`scale_of`].
pub fn required_roles(manifest: &Manifest) -> impl Iterator<Item = TensorRole> {
    let blocks = (0..manifest.encoder.depth.min(MAX_DEPTH)).flat_map(|layer| {
        BLOCK_TENSORS
            .into_iter()
            .map(move |tensor| TensorRole::Block { layer, tensor })
    });
    let has_codebook = manifest.codebook.is_some();
    let has_own = manifest.acceptance.own.is_some();
    [TensorRole::PatchEmbedWeight, TensorRole::TokenTable]
        .into_iter()
        .chain(blocks)
        .chain([
            TensorRole::FinalNorm(NormPart::Weight),
            TensorRole::FinalNorm(NormPart::Bias),
            TensorRole::Centroids,
            TensorRole::Golden(GoldenTensor::Images),
            TensorRole::Golden(GoldenTensor::ClassFeatures),
            TensorRole::Golden(GoldenTensor::PatchFeatures),
            TensorRole::Golden(GoldenTensor::Tokens),
            TensorRole::Golden(GoldenTensor::Margins),
            OWN_MEAN_FEATURE,
        ])
        .filter(move |role| has_codebook || !needs_codebook(*role))
        .filter(move |role| has_own || *role != OWN_MEAN_FEATURE)
}

/// The layers that [`Manifest::ranges`] lists, each by its weight: the patch embedding, every norm
/// and every linear layer, in table order.
pub fn ranged_roles(manifest: &Manifest) -> impl Iterator<Item = TensorRole> {
    use BlockTensor::{Norm1, Norm2};
    required_roles(manifest).filter(|role| {
        is_weight(*role)
            || matches!(
                role,
                TensorRole::FinalNorm(NormPart::Weight)
                    | TensorRole::Block {
                        tensor: Norm1(NormPart::Weight) | Norm2(NormPart::Weight),
                        ..
                    }
            )
    })
}

fn needs_codebook(role: TensorRole) -> bool {
    use GoldenTensor::{Margins, Tokens};
    matches!(
        role,
        TensorRole::Centroids | TensorRole::Golden(Tokens | Margins)
    )
}

const OWN_MEAN_FEATURE: TensorRole = TensorRole::Golden(GoldenTensor::OwnMeanFeature);

/// The tensors of every block, scales apart, in order.
const BLOCK_TENSORS: [BlockTensor; 12] = [
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

/// The role of the scale that goes with a linear layer's weight or with centroids, when they are
/// integers; `None` for any other role.
pub fn scale_of(weight: TensorRole) -> Option<TensorRole> {
    match weight {
        TensorRole::Centroids => Some(TensorRole::CentroidScale),
        _ => linear_part(weight, LinearPart::Weight, LinearPart::Scale),
    }
}

/// The role of the weight or the centroids a scale belongs to; `None` for any other role.
pub(crate) fn weight_of(scale: TensorRole) -> Option<TensorRole> {
    match scale {
        TensorRole::CentroidScale => Some(TensorRole::Centroids),
        _ => linear_part(scale, LinearPart::Scale, LinearPart::Weight),
    }
}

fn linear_part(role: TensorRole, from: LinearPart, to: LinearPart) -> Option<TensorRole> {
    use BlockTensor::{Fc1, Fc2, Proj, Qkv};
    let TensorRole::Block { layer, tensor } = role else {
        return None;
    };
    let tensor = match tensor {
        Qkv(part) if part == from => Qkv(to),
        Proj(part) if part == from => Proj(to),
        Fc1(part) if part == from => Fc1(to),
        Fc2(part) if part == from => Fc2(to),
        _ => return None,
    };
    Some(TensorRole::Block { layer, tensor })
}
