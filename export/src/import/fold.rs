//! A checkpoint's tensors to roles: positions, class token and patch bias folded into one table.

use super::names::{BLOCK, CLASS_TOKEN, PATCH_BIAS, PATCH_WEIGHT, POSITIONS, REGISTERS, name_of};
use super::positions::resample;
use super::shape::Shape;
use super::source::Source;
use crate::ExportError;
use crate::model::{FloatWeights, manifest_of};
use mimlet_format::{BlockTensor, LinearPart, NormPart, TensorRole, expected_shape};

/// Every tensor of the encoder, read and folded.
pub(super) fn weights(source: &mut Source, shape: &Shape) -> Result<FloatWeights, ExportError> {
    let encoder = &shape.encoder;
    let manifest = manifest_of(encoder, None);
    let mut weights = FloatWeights::default();
    let dim = encoder.embed_dim as usize;
    let side = encoder.patch_size as usize;
    let patch = TensorRole::PatchEmbedWeight;
    let convolution = source.required(PATCH_WEIGHT, patch, &[dim, 3, side, side])?;
    weights.insert(patch, convolution);
    weights.insert(TensorRole::TokenTable, token_table(source, shape)?);
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
            } if !source.has(&name) => vec![0.0; shape[0]],
            _ => source.required(&name, role, &shape)?,
        };
        weights.insert(role, values);
    }
    Ok(weights)
}

/// `[tokens, embed_dim]`: the class token and registers with their positions, where they have any,
/// then each patch's position plus the patch embedding's bias.
fn token_table(source: &mut Source, shape: &Shape) -> Result<Vec<f32>, ExportError> {
    let role = TensorRole::TokenTable;
    let encoder = &shape.encoder;
    let dim = encoder.embed_dim as usize;
    let (prefix, patches) = (encoder.prefix_tokens() as usize, encoder.patches() as usize);
    let mut table = source.required(CLASS_TOKEN, role, &[1, 1, dim])?;
    if prefix > 1 {
        table.extend(source.required(REGISTERS, role, &[1, prefix - 1, dim])?);
    }
    let bias = match source.has(PATCH_BIAS) {
        true => source.required(PATCH_BIAS, role, &[dim])?,
        false => vec![0.0; dim],
    };
    table.extend(std::iter::repeat_n(bias, patches).flatten());
    let positions = source.read(POSITIONS)?.map(|array| array.values);
    let positions = positions.unwrap_or_default();
    // `shape::find` found the positions to be those of all tokens, of the class token and the
    // patches (the registers between them have none), or of the patches.
    let old = shape.position_grid.map(|side| side as usize);
    let with_position = (positions.len() / dim).saturating_sub(old[0] * old[1]);
    let (of_prefix, of_patches) = positions.split_at(with_position * dim);
    let new = encoder.grid().map(|side| side as usize);
    add(&mut table, of_prefix);
    if old == new {
        add(&mut table[prefix * dim..], of_patches);
    } else {
        let resampled = resample(shape.rule, of_patches, old, new);
        add(&mut table[prefix * dim..], &resampled);
    }
    Ok(table)
}

fn add(sums: &mut [f32], values: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}
