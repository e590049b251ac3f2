//! A block's tensors, stored in one precision or in several to choose from.

use super::fold::{Affine, FloatBlock, LinearTensor, NormTensor};
use super::layer::Layer;
use super::{Precision, int8};
use crate::ExportError;
use crate::float_block::{Half, Linear, Taps};
use crate::model::Weights;
use crate::report::LayerReport;
use crate::tensors::{self, Stored, Tensors};
use mimlet_format::{
    ALIGNMENT, BlockTensor, DType, EncoderConfig, LinearPart, NormPart, TensorRole,
};

/// A linear layer in one precision.
#[derive(Debug)]
pub(crate) struct Variant {
    /// Weight, bias, and scale where it has one.
    pub(crate) tensors: Tensors<'static>,
    pub(crate) report: LayerReport,
    /// Computes in f32 what the stored layer does; where a block to try it in was asked for.
    pub(crate) stand_in: Option<Linear>,
}

impl Variant {
    /// Bytes its tensors take in a file, each padded to the next's alignment.
    pub(crate) fn bytes(&self) -> u64 {
        let lengths = self.tensors.values().map(|stored| stored.bytes.len());
        lengths
            .map(|length| length.next_multiple_of(ALIGNMENT) as u64)
            .sum()
    }
}

/// A block's tensors, its linear layers in each precision asked for.
#[derive(Debug)]
pub(crate) struct QuantizedBlock {
    /// Norms.
    pub(crate) tensors: Tensors<'static>,
    /// Of qkv, proj, fc1 and fc2: a variant for each precision.
    pub(crate) linears: [Vec<Variant>; 4],
    /// Attention and MLP in f32, with everything folded that the variants have folded.
    pub(crate) float: Option<[Half; 2]>,
}

/// Stores the patch embedding: in f32, or in f16 by every narrower scheme, because the first layer
/// sees raw pixels and has no scale in the format.
pub(crate) fn patch_embedding(
    encoder: &EncoderConfig,
    weights: &Weights<'_>,
    precision: Precision,
) -> Result<Stored<'static>, ExportError> {
    let role = TensorRole::PatchEmbedWeight;
    let shape = [encoder.embed_dim, encoder.patch_dim()];
    let weight = weights.get(role);
    match precision {
        Precision::F32 => Ok(tensors::matrix_f32(weight, shape)),
        _ => tensors::matrix_f16(role, weight, shape),
    }
}

/// Stores block `layer` in each of `precisions`, narrowest first; `taps` are what the float model
/// puts into its linear layers. `with_float` keeps the folded block to try variants in.
///
/// # Errors
/// [`ExportError::Overflow`] when a weight is beyond f16.
pub(crate) fn quantize_block(
    (encoder, weights): (&EncoderConfig, &mut Weights<'_>),
    layer: u32,
    mut taps: Taps,
    precisions: &[Precision],
    with_float: bool,
) -> Result<QuantizedBlock, ExportError> {
    let mut block = FloatBlock::take(weights, layer);
    let mut alphas = [None; 3];
    let grid = precisions.iter().find_map(|precision| match precision {
        Precision::Int8 => Some(int8::grid(encoder.embed_dim as usize)),
        Precision::Int4(group) => Some(super::int4::grid(*group as usize)),
        Precision::F32 | Precision::F16 => None,
    });
    if let Some(grid) = grid {
        block.centre(&mut taps);
        alphas = block.migrate(&mut taps, &grid);
    }
    let role = |tensor| TensorRole::Block { layer, tensor };
    let mut tensors = Tensors::new();
    let norms: [(NormTensor, &Affine); 2] = [
        (BlockTensor::Norm1, &block.norm1),
        (BlockTensor::Norm2, &block.norm2),
    ];
    for (tensor, norm) in norms {
        tensors.insert(role(tensor(NormPart::Weight)), vector(&norm.weight));
        tensors.insert(role(tensor(NormPart::Bias)), vector(&norm.bias));
    }
    let float = with_float.then(|| block.halves(encoder));
    let store = |tensor: LinearTensor, affine: Affine, rows: Vec<f32>, migration| {
        let part = |part| role(tensor(part));
        variants(part, (&affine, &rows), precisions, migration, with_float)
    };
    let linears = [
        store(BlockTensor::Qkv, block.qkv, taps.qkv, alphas[0])?,
        store(BlockTensor::Proj, block.proj, taps.proj, alphas[1])?,
        store(BlockTensor::Fc1, block.fc1, taps.fc1, alphas[2])?,
        store(BlockTensor::Fc2, block.fc2, taps.fc2, None)?,
    ];
    Ok(QuantizedBlock {
        tensors,
        linears,
        float,
    })
}

fn vector(values: &[f32]) -> Stored<'static> {
    let shape = [values.len() as u32]; // At most the format's widest dimension.
    tensors::array(DType::F32, tensors::bytes_of(values), &shape)
}

/// A linear layer in each precision.
fn variants(
    role: impl Fn(LinearPart) -> TensorRole,
    (affine, rows): (&Affine, &[f32]),
    precisions: &[Precision],
    migration: Option<f32>,
    with_stand_ins: bool,
) -> Result<Vec<Variant>, ExportError> {
    let weight = role(LinearPart::Weight);
    let mut layer = Layer::new(affine, rows);
    let mut variant = |&precision: &Precision| {
        let stored = layer.store(precision, weight)?;
        let report = LayerReport {
            tensor: weight.to_string(),
            dtype: stored.weight.dtype.to_string(),
            bytes: stored.weight.bytes.len() as u64,
            weight_snr_db: stored.of_weight.snr_db,
            output_snr_db: stored.of_outputs.snr_db,
            output_cosine: stored.of_outputs.cosine,
            migration,
            clipped_weights: stored.clipped,
            max_input: 0.0,
            max_output: 0.0,
            feature_error: None,
        };
        let byte_inputs = stored.scale.is_some();
        let stand_in = with_stand_ins.then(|| Linear::new(&stored.back, &stored.bias, byte_inputs));
        let mut tensors = Tensors::new();
        tensors.insert(role(LinearPart::Bias), vector(&stored.bias));
        if let Some(scale) = stored.scale {
            tensors.insert(role(LinearPart::Scale), scale);
        }
        tensors.insert(weight, stored.weight);
        Ok(Variant {
            tensors,
            report,
            stand_in,
        })
    };
    precisions.iter().map(&mut variant).collect()
}
