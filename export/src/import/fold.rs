//! A checkpoint's tensors to roles: positions, class token and patch bias folded into one table.

use super::names::{BLOCK, CLASS_TOKEN, PATCH_BIAS, PATCH_WEIGHT, POSITIONS, REGISTERS, name_of};
use super::{Array, SafetensorsFile};
use crate::ExportError;
use crate::model::{FloatWeights, check_finite, manifest_of};
use mimlet_format::{BlockTensor, EncoderConfig, LinearPart, NormPart, TensorRole, expected_shape};

/// Every tensor of the encoder, read and folded.
pub(super) fn weights(
    file: &mut SafetensorsFile,
    encoder: &EncoderConfig,
) -> Result<FloatWeights, ExportError> {
    let manifest = manifest_of(encoder, None);
    let mut weights = FloatWeights::default();
    let dim = encoder.embed_dim as usize;
    let side = encoder.patch_size as usize;
    let patch = TensorRole::PatchEmbedWeight;
    let convolution = required(file, PATCH_WEIGHT, patch, &[dim, 3, side, side])?;
    weights.insert(patch, convolution);
    weights.insert(TensorRole::TokenTable, token_table(file, encoder)?);
    let blocks = (0..encoder.depth)
        .flat_map(|layer| BLOCK.map(|tensor| TensorRole::Block { layer, tensor }));
    let last = [NormPart::Weight, NormPart::Bias].map(TensorRole::FinalNorm);
    for role in blocks.chain(last) {
        let shape = expected_shape(role, &manifest).unwrap_or_default();
        let shape: Vec<usize> = shape.into_iter().map(|side| side as usize).collect();
        let name = name_of(role);
        let values = match role {
            TensorRole::Block {
                tensor: BlockTensor::Qkv(LinearPart::Bias),
                ..
            } if file.shape(&name).is_none() => vec![0.0; shape[0]],
            _ => required(file, &name, role, &shape)?,
        };
        weights.insert(role, values);
    }
    Ok(weights)
}

/// `[tokens, embed_dim]`: the class token and registers with their positions, where they have any,
/// then each patch's position plus the patch embedding's bias.
fn token_table(
    file: &mut SafetensorsFile,
    encoder: &EncoderConfig,
) -> Result<Vec<f32>, ExportError> {
    let role = TensorRole::TokenTable;
    let dim = encoder.embed_dim as usize;
    let (prefix, patches) = (encoder.prefix_tokens() as usize, encoder.patches() as usize);
    let mut table = required(file, CLASS_TOKEN, role, &[1, 1, dim])?;
    if prefix > 1 {
        table.extend(required(file, REGISTERS, role, &[1, prefix - 1, dim])?);
    }
    let bias = match file.shape(PATCH_BIAS) {
        Some(_) => required(file, PATCH_BIAS, role, &[dim])?,
        None => vec![0.0; dim],
    };
    table.extend(std::iter::repeat_n(bias, patches).flatten());
    let Array { shape, values } = file.read(POSITIONS)?.unwrap_or(Array {
        shape: Vec::new(),
        values: Vec::new(),
    });
    check_finite(POSITIONS, &values)?;
    let positions = shape.get(1).copied().unwrap_or(0);
    // `shape::encoder` found the positions to be those of all tokens, of the class token and the
    // patches (the registers between them have none), or of the patches.
    let with_position = positions.saturating_sub(patches);
    let (of_prefix, of_patches) = values.split_at(with_position * dim);
    add(&mut table, of_prefix);
    add(&mut table[prefix * dim..], of_patches);
    Ok(table)
}

fn add(sums: &mut [f32], values: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}

/// A tensor that must be there, in this shape, with finite values.
fn required(
    file: &mut SafetensorsFile,
    name: &str,
    role: TensorRole,
    shape: &[usize],
) -> Result<Vec<f32>, ExportError> {
    match file.shape(name) {
        None => {
            return Err(ExportError::MissingTensor {
                path: file.path().to_owned(),
                name: name.to_owned(),
                role,
                expected: shape.to_vec(),
            });
        }
        Some(found) if found != shape => {
            return Err(ExportError::WrongShape {
                path: file.path().to_owned(),
                name: name.to_owned(),
                role,
                found: found.to_vec(),
                expected: shape.to_vec(),
            });
        }
        Some(_) => {}
    }
    let values = file
        .read(name)?
        .map(|array| array.values)
        .unwrap_or_default();
    check_finite(name, &values)?;
    Ok(values)
}
