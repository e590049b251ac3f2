//! One model in every form that the contestants read, all of the same random weights:
//!
//! | file | for |
//! |---|---|
//! | `f32.mim`, `int8.mim`, `int4.mim` | mimlet; without a codebook, because the others give features only |
//! | `batch-N.onnx` | the runtimes that read ONNX |
//! | `timm.safetensors` | PyTorch: the tensors of timm's `VisionTransformer` |
//! | `input.f32` | all: images, normalised, raw little-endian f32 `[N, 3, side, side]` |

use super::{Fault, onnx_graph};
use mimlet_export::{Arch, ExportOptions, FloatModel, export, random, synthetic_golden};
use mimlet_format::{
    BlockTensor, LinearPart, NormPart, Preprocess, Scheme, TensorRole, Thresholds, write_atomically,
};
use mimlet_kernels::{Level, normalize};
use prost::Message;
use safetensors::tensor::{Dtype, TensorView};
use std::path::Path;

/// Input side, pixels.
pub(crate) const IMAGE_SIZE: u32 = 224;
/// Seed of the weights and of what the file's acceptance test shows.
const SEED: u64 = 1;
/// Seed of the images that are encoded: others than the quantiser has seen.
const INPUT_SEED: u64 = 2;
/// Golden images in a `.mim` file, as `mimlet new` has them.
const GOLDEN_IMAGES: usize = 4;
/// The bounds of `mimlet new`: every seed meets them in every scheme.
const MIN_COSINE: f32 = 0.99;

/// Writes the files of a model into a folder, with an ONNX graph for each size of batch.
pub(crate) fn write(model: &str, folder: &Path, batches: &[u32]) -> Result<(), Fault> {
    let arch = Arch::ALL.into_iter().find(|arch| arch.name() == model);
    let names = || Arch::ALL.map(Arch::name).join(", ");
    let arch = arch.ok_or_else(|| format!("no model is called {model}; there are {}", names()))?;
    let float = random(arch, IMAGE_SIZE, SEED);
    let preprocess = float.preprocess.resolve(float.encoder.image_size);
    std::fs::create_dir_all(folder)?;
    for &batch in batches {
        let graph = onnx_graph::vit(&float, batch).encode_to_vec();
        write_atomically(folder.join(format!("batch-{batch}.onnx")), &graph)?;
    }
    let checkpoint = timm(&float)?;
    write_atomically(folder.join("timm.safetensors"), &checkpoint)?;
    let images = batches.iter().copied().max().unwrap_or(1);
    write_atomically(
        folder.join("input.f32"),
        &bytes(&input(&preprocess, images)),
    )?;
    for (name, scheme) in [
        ("f32.mim", Scheme::F32),
        ("int8.mim", Scheme::Int8),
        ("int4.mim", Scheme::Int4),
    ] {
        write_atomically(folder.join(name), &packed(&float, &preprocess, scheme)?)?;
    }
    Ok(())
}

fn packed(
    float: &FloatModel,
    preprocess: &Preprocess,
    scheme: Scheme,
) -> Result<mimlet_format::AlignedBytes, Fault> {
    let mut options = ExportOptions::new(scheme, preprocess.clone());
    options.golden = synthetic_golden(float.encoder.image_size, GOLDEN_IMAGES, SEED);
    options.thresholds = Some(Thresholds {
        min_cosine: MIN_COSINE,
        min_token_agreement: 0.0,
        wide_margin: 0.0,
        max_wide_margin_flips: 0,
        max_tcas: None,
    });
    Ok(export(float, None, &options)?.bytes)
}

/// Images of the kind that the quantiser was calibrated on, but others.
fn input(preprocess: &Preprocess, images: u32) -> Vec<f32> {
    let golden = synthetic_golden([IMAGE_SIZE; 2], images as usize, INPUT_SEED);
    let mut values = Vec::new();
    for image in golden {
        let mut planes = vec![0.0; image.pixels.len()];
        let Preprocess { mean, std, .. } = *preprocess;
        normalize::cpu(Level::detect(), &image.pixels, mean, std, &mut planes);
        values.append(&mut planes);
    }
    values
}

/// The weights under timm's names. The patch embedding's bias is zero: the token table has it.
fn timm(float: &FloatModel) -> Result<Vec<u8>, Fault> {
    let config = &float.encoder;
    let (dim, mlp) = (config.embed_dim as usize, config.mlp_dim as usize);
    let (patch, tokens) = (config.patch_size as usize, config.tokens() as usize);
    let get = |role| float.weights.get(role);
    let table = get(TensorRole::TokenTable);
    let mut positions = table.to_vec();
    positions[..dim].fill(0.0);
    let mut tensors = vec![
        (
            "cls_token".to_owned(),
            vec![1, 1, dim],
            bytes(&table[..dim]),
        ),
        ("pos_embed".into(), vec![1, tokens, dim], bytes(&positions)),
        (
            "patch_embed.proj.weight".into(),
            vec![dim, 3, patch, patch],
            bytes(get(TensorRole::PatchEmbedWeight)),
        ),
        (
            "patch_embed.proj.bias".into(),
            vec![dim],
            bytes(&vec![0.0; dim]),
        ),
    ];
    // Roles of an encoder have timm's names.
    let mut add = |role: TensorRole, shape| {
        tensors.push((role.to_string(), shape, bytes(get(role))));
    };
    for part in [NormPart::Weight, NormPart::Bias] {
        add(TensorRole::FinalNorm(part), vec![dim]);
    }
    for layer in 0..config.depth {
        let role = |tensor| TensorRole::Block { layer, tensor };
        for norm in [BlockTensor::Norm1, BlockTensor::Norm2] {
            for part in [NormPart::Weight, NormPart::Bias] {
                add(role(norm(part)), vec![dim]);
            }
        }
        let linears: [(fn(LinearPart) -> BlockTensor, usize, usize); 4] = [
            (BlockTensor::Qkv, 3 * dim, dim),
            (BlockTensor::Proj, dim, dim),
            (BlockTensor::Fc1, mlp, dim),
            (BlockTensor::Fc2, dim, mlp),
        ];
        for (linear, outputs, inputs) in linears {
            add(role(linear(LinearPart::Weight)), vec![outputs, inputs]);
            add(role(linear(LinearPart::Bias)), vec![outputs]);
        }
    }
    let views: Result<Vec<_>, _> = tensors
        .iter()
        .map(|(name, shape, data)| {
            TensorView::new(Dtype::F32, shape.clone(), data).map(|view| (name, view))
        })
        .collect();
    Ok(safetensors::serialize(views?, None)?)
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}
