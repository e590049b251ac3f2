//! An encoder's configuration, from the shapes of its tensors.

use super::names::{CLASS_TOKEN, PATCH_WEIGHT, POSITIONS, REGISTERS, block_index, name_of};
use super::{ArchConfig, SafetensorsFile, TIMM_EPSILON, either};
use crate::ExportError;
use mimlet_format::{Activation, BlockTensor, EncoderConfig, LinearPart, TensorRole};

/// The configuration that the tensors' shapes and the settings give. Its fields are not checked
/// beyond what computing them needs.
pub(super) fn encoder(
    file: &SafetensorsFile,
    config: &ArchConfig,
) -> Result<EncoderConfig, ExportError> {
    let fc1 = TensorRole::Block {
        layer: 0,
        tensor: BlockTensor::Fc1(LinearPart::Weight),
    };
    let [embed_dim, channels, patch, width] =
        sides(file, PATCH_WEIGHT, TensorRole::PatchEmbedWeight, [0; 4])?;
    if channels != EncoderConfig::CHANNELS || width != patch || patch == 0 || embed_dim == 0 {
        return Err(ExportError::WrongShape {
            path: file.path().to_owned(),
            name: PATCH_WEIGHT.to_owned(),
            role: TensorRole::PatchEmbedWeight,
            found: [embed_dim, channels, patch, width]
                .map(|side| side as usize)
                .to_vec(),
            expected: vec![embed_dim as usize, 3, patch as usize, patch as usize],
        });
    }
    let table = TensorRole::TokenTable;
    let register_tokens = match file.shape(REGISTERS) {
        Some(_) => sides(file, REGISTERS, table, [1, 0, embed_dim])?[1],
        None => 0,
    };
    sides(file, CLASS_TOKEN, table, [1, 1, embed_dim])?;
    let [_, positions, _] = sides(file, POSITIONS, table, [1, 0, embed_dim])?;
    let side = image_side(file, config, [positions, register_tokens, patch])?;
    let [mlp_dim, _] = sides(file, &name_of(fc1), fc1, [0, embed_dim])?;
    let layers = file.shapes().filter_map(|(name, _)| block_index(name));
    let eps = either(config.layer_norm_eps, file.parsed("layer_norm_eps")?);
    Ok(EncoderConfig {
        image_size: [side; 2],
        patch_size: patch,
        embed_dim,
        depth: layers.max().map_or(0, |last| last.saturating_add(1)),
        num_heads: heads(file, config)?,
        mlp_dim,
        register_tokens,
        layer_norm_eps: eps.unwrap_or(TIMM_EPSILON),
        activation: Activation::Gelu,
    })
}

fn heads(file: &SafetensorsFile, config: &ArchConfig) -> Result<u32, ExportError> {
    either(config.num_heads, file.parsed("num_heads")?).ok_or_else(|| ExportError::Config {
        field: "num_heads",
        reason: "is not in the checkpoint; give it with --heads, or in an --arch-config file"
            .into(),
    })
}

/// A tensor's shape; each side of `expected` that is not 0 must be met.
fn sides<const N: usize>(
    file: &SafetensorsFile,
    name: &str,
    role: TensorRole,
    expected: [u32; N],
) -> Result<[u32; N], ExportError> {
    let wanted = expected.map(|side| side as usize).to_vec();
    let Some(found) = file.shape(name) else {
        return Err(ExportError::MissingTensor {
            path: file.path().to_owned(),
            name: name.to_owned(),
            role,
            expected: wanted,
        });
    };
    let mut sides = [0; N];
    let mut matches = found.len() == N;
    for ((side, &found), &wanted) in sides.iter_mut().zip(found).zip(&expected) {
        *side = u32::try_from(found).unwrap_or(u32::MAX);
        matches &= *side != u32::MAX && (wanted == 0 || wanted == *side);
    }
    if matches {
        return Ok(sides);
    }
    Err(ExportError::WrongShape {
        path: file.path().to_owned(),
        name: name.to_owned(),
        role,
        found: found.to_vec(),
        expected: wanted,
    })
}

/// The side of the square image that the positions are for.
fn image_side(
    file: &SafetensorsFile,
    config: &ArchConfig,
    [positions, registers, patch]: [u32; 3],
) -> Result<u32, ExportError> {
    // Positions of all tokens, of class and patches, or of patches alone.
    let patches = [1u32.saturating_add(registers), 1, 0];
    let mut grids: Vec<u32> = patches
        .iter()
        .filter_map(|&prefix| positions.checked_sub(prefix))
        .filter(|&count| count > 0 && count.isqrt().pow(2) == count)
        .map(u32::isqrt)
        .collect();
    grids.dedup();
    let sides: Vec<u32> = grids
        .iter()
        .filter_map(|grid| grid.checked_mul(patch))
        .collect();
    let asked = either(config.image_size, file.parsed("image_size")?);
    let refuse = |reason| {
        Err(ExportError::Config {
            field: "image_size",
            reason,
        })
    };
    match (asked, sides.as_slice()) {
        (Some(asked), sides) if sides.contains(&asked) => Ok(asked),
        (None, &[side]) => Ok(side),
        (Some(asked), &[side]) => refuse(format!(
            "is given as {asked}, but the checkpoint's {positions} positions are for {side}; \
             positions are not resampled"
        )),
        (_, []) => refuse(format!(
            "cannot be found: the checkpoint's {positions} positions make no square of patches"
        )),
        (_, sides) => refuse(format!(
            "may be any of {sides:?} by the checkpoint's {positions} positions; give it with \
             --image-size"
        )),
    }
}
