//! What a checkpoint says of its own shape and input.

use std::collections::{BTreeMap, HashMap};

use crate::config::ModelConfig;
use crate::nn::norm::EPSILON;
use crate::nn::state::State;
use crate::tensors;

/// What a block of a plain ViT consists of.
const BLOCK: [&str; 12] = [
    "norm1.weight",
    "norm1.bias",
    "attn.qkv.weight",
    "attn.qkv.bias",
    "attn.proj.weight",
    "attn.proj.bias",
    "norm2.weight",
    "norm2.bias",
    "mlp.fc1.weight",
    "mlp.fc1.bias",
    "mlp.fc2.weight",
    "mlp.fc2.bias",
];

/// What it has besides.
const REST: [&str; 6] = [
    "cls_token",
    "pos_embed",
    "patch_embed.proj.weight",
    "patch_embed.proj.bias",
    "norm.weight",
    "norm.bias",
];

/// How names begin that belong to no encoder: decoder, classifier, optimiser.
const OTHER: [&str; 4] = ["decoder_", "mask_token", "optim.", "head."];

/// What the checkpoint's metadata says of its model.
pub(crate) fn metadata(model: &ModelConfig) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("num_heads", model.heads.to_string()),
        ("patch_size", model.patch_size.to_string()),
        ("image_size", model.image_size.to_string()),
        ("resize", model.resize.to_string()),
        ("mean", tensors::join(&model.mean)),
        ("std", tensors::join(&model.std)),
        ("layer_norm_eps", EPSILON.to_string()),
        ("licence", model.licence.clone()),
    ])
}

/// Whether a tensor of this name is part of the encoder.
pub(super) fn is_encoders(name: &str) -> bool {
    !OTHER.iter().any(|other| name.starts_with(other))
}

/// The model's shape, from tensor shapes where they say it, from metadata where not, and from
/// `fallback` where the file has neither.
pub(super) fn model_of(
    state: &State,
    metadata: &HashMap<String, String>,
    fallback: Option<&ModelConfig>,
) -> Result<ModelConfig, String> {
    check_names(state)?;
    check_epsilon(metadata)?;
    let shape = |name: &str, rank: usize| {
        let array = state.get(name).filter(|array| array.shape.len() == rank);
        array
            .map(|array| array.shape.clone())
            .ok_or_else(|| format!("no {name} of {rank} dimensions; is it a timm or MAE ViT?"))
    };
    let given = fallback.map(self::metadata).unwrap_or_default();
    let text = |key: &str| {
        let value = metadata.get(key).or_else(|| given.get(key));
        value.ok_or_else(|| format!("metadata lacks {key}; set it in the run's [model]"))
    };
    let number = |key: &str| {
        let parsed = text(key)?.parse::<usize>();
        parsed.map_err(|_| format!("metadata {key} is not a number"))
    };
    let triple = |key: &str| {
        tensors::split(text(key)?).ok_or_else(|| format!("metadata {key} is not three numbers"))
    };
    let projection = shape("patch_embed.proj.weight", 4)?;
    let depth = (0..)
        .take_while(|block| state.contains_key(&format!("blocks.{block}.norm1.weight")))
        .count();
    let model = ModelConfig {
        image_size: number("image_size")?,
        resize: number("resize")?,
        patch_size: projection[2],
        dim: projection[0],
        depth,
        heads: number("num_heads")?,
        mlp: shape("blocks.0.mlp.fc1.weight", 2)?[0],
        mean: triple("mean")?,
        std: triple("std")?,
        licence: text("licence")?.clone(),
    };
    let patches = shape("pos_embed", 3)?[1].saturating_sub(1);
    if model.patch_size == 0 || model.patches() != patches {
        let side = patches.isqrt() * model.patch_size;
        return Err(format!(
            "has positions for {patches} patches of {} pixels; image_size must be {side}, not {}",
            model.patch_size, model.image_size
        ));
    }
    Ok(model)
}

/// A tensor that is left out changes every feature, so there must be none.
fn check_names(state: &State) -> Result<(), String> {
    let is_known = |name: &str| {
        let block = || {
            let (index, part) = name.strip_prefix("blocks.")?.split_once('.')?;
            Some(index.parse::<usize>().is_ok() && BLOCK.contains(&part))
        };
        REST.contains(&name) || block().unwrap_or(false)
    };
    let mut names = state.keys().filter(|name| is_encoders(name));
    match names.find(|name| !is_known(name)) {
        Some(name) => Err(format!(
            "has a tensor {name}, which is no part of a plain ViT with timm's names; its features \
             would be wrong"
        )),
        None => Ok(()),
    }
}

fn check_epsilon(metadata: &HashMap<String, String>) -> Result<(), String> {
    let Some(text) = metadata.get("layer_norm_eps") else {
        return Ok(());
    };
    match text.parse::<f64>() {
        Ok(epsilon) if (epsilon / EPSILON - 1.0).abs() < 1e-3 => Ok(()),
        _ => Err(format!(
            "metadata layer_norm_eps is {text}; training computes with {EPSILON}"
        )),
    }
}
