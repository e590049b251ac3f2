//! The checkpoint and the codebook of `mimlet export`, and what is said of them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mimlet_export::{
    CodebookOptions, FloatCodebook, FloatModel, ImportOptions, PatchOrder, PositionRule, import,
    read_codebook,
};
use mimlet_format::CodebookSpace;

use crate::error::Error;

/// Arguments that say what to import.
#[derive(Debug, Args)]
pub(super) struct CheckpointArgs {
    /// The checkpoint: a .safetensors, .pth or .onnx file, or a Hugging Face folder
    checkpoint: PathBuf,
    /// TOML file that says of the encoder what the checkpoint does not
    #[arg(long, value_name = "FILE")]
    arch_config: Option<PathBuf>,
    /// Attention heads of each block, where the checkpoint does not say
    #[arg(long, value_name = "N")]
    heads: Option<u32>,
    /// Height and width of the input, N or HxW; positions for another size are resampled [default:
    /// what the positions in the checkpoint are for]
    #[arg(long, value_name = "PIXELS", value_parser = sides)]
    image_size: Option<[u32; 2]>,
    /// How positions are resampled to another image size [default: as the checkpoint's own library]
    #[arg(long, value_enum)]
    positions: Option<PositionsName>,
    /// Codebook to make tokens with: a .safetensors, .npy or .pth file of centroids
    #[arg(long, value_name = "FILE")]
    codebook: Option<PathBuf>,
    /// How a patch is flattened in a codebook over pixels that does not say
    #[arg(long, value_enum, requires = "codebook")]
    codebook_order: Option<OrderName>,
    /// What a codebook that does not say is compared with [default: what its width allows]
    #[arg(long, value_enum, requires = "codebook")]
    codebook_space: Option<SpaceName>,
    /// Short side of a photo before the centre crop [default: the checkpoint's, else 8/7 of the
    /// input]
    #[arg(long, value_name = "PIXELS")]
    resize: Option<u32>,
    /// Mean of red, green and blue in 0..1 [default: the checkpoint's, else ImageNet's]
    #[arg(long, value_name = "R,G,B", value_parser = colours)]
    mean: Option<[f32; 3]>,
    /// Standard deviation of red, green and blue in 0..1 [default: the checkpoint's, else
    /// ImageNet's]
    #[arg(long, value_name = "R,G,B", value_parser = colours)]
    std: Option<[f32; 3]>,
    /// The model's name [default: the checkpoint's file name]
    #[arg(long)]
    name: Option<String>,
}

/// How positions are resampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PositionsName {
    /// Bicubic, antialiased: timm, DINOv2 with registers
    Timm,
    /// Bicubic, not antialiased: transformers' ViT and DINOv2
    Hf,
    /// Bicubic, scaled for a grid 0.1 cells larger: Meta's DINO and DINOv2
    Dinov2,
}

/// How the pixels of a patch are flattened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OrderName {
    /// As PyTorch's convolutions
    ChannelRowColumn,
    /// As MAE's patchify
    RowColumnChannel,
}

/// What centroids are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SpaceName {
    /// Normalised patches
    Pixels,
    /// Final features
    Features,
}

/// Three finite numbers, separated by commas.
fn colours(text: &str) -> Result<[f32; 3], String> {
    let numbers: Vec<f32> = text
        .split(',')
        .filter_map(|number| number.trim().parse().ok())
        .filter(|number: &f32| number.is_finite())
        .collect();
    match <[f32; 3]>::try_from(numbers) {
        Ok(numbers) if text.split(',').count() == 3 => Ok(numbers),
        _ => Err("give three numbers, such as 0.485,0.456,0.406".to_string()),
    }
}

/// `N` or `HxW`.
fn sides(text: &str) -> Result<[u32; 2], String> {
    let (height, width) = text.split_once(['x', 'X']).unwrap_or((text, text));
    match (height.trim().parse(), width.trim().parse()) {
        (Ok(height), Ok(width)) => Ok([height, width]),
        _ => Err("give a number of pixels, or two such as 224x192".to_string()),
    }
}

impl CheckpointArgs {
    /// The model, with what the arguments say of it.
    pub(super) fn import(&self) -> Result<FloatModel, Error> {
        let options = ImportOptions {
            arch_config: self.arch_config.clone(),
            heads: self.heads,
            image_size: self.image_size,
            positions: self.positions.map(|name| match name {
                PositionsName::Timm => PositionRule::Timm,
                PositionsName::Hf => PositionRule::HuggingFace,
                PositionsName::Dinov2 => PositionRule::Dinov2,
            }),
            ..ImportOptions::default()
        };
        let mut model = import(&self.checkpoint, &options)?;
        if let Some(name) = &self.name {
            model.name.clone_from(name);
        }
        let hints = &mut model.preprocess;
        hints.resize_short_side = self.resize.or(hints.resize_short_side);
        hints.mean = self.mean.or(hints.mean);
        hints.std = self.std.or(hints.std);
        Ok(model)
    }

    /// The codebook that goes with the model, if there is to be one.
    pub(super) fn codebook(&self, model: &FloatModel) -> Result<Option<FloatCodebook>, Error> {
        let Some(path) = &self.codebook else {
            return Ok(None);
        };
        let options = CodebookOptions {
            order: self.codebook_order.map(|name| match name {
                OrderName::ChannelRowColumn => PatchOrder::ChannelRowColumn,
                OrderName::RowColumnChannel => PatchOrder::RowColumnChannel,
            }),
            space: self.codebook_space.map(|name| match name {
                SpaceName::Pixels => CodebookSpace::Pixels,
                SpaceName::Features => CodebookSpace::Features,
            }),
            ..CodebookOptions::for_encoder(&model.encoder)
        };
        Ok(Some(read_codebook(path, &options)?))
    }
}
