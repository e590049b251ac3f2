//! An encoder's configuration, from the shapes of its tensors.

use super::names::{CLASS_TOKEN, PATCH_WEIGHT, POSITIONS, REGISTERS, name_of};
use super::source::Source;
use super::{PositionRule, TIMM_EPSILON};
use crate::ExportError;
use crate::model::check_encoder;
use mimlet_format::{Activation, BlockTensor, EncoderConfig, LinearPart, TensorRole};

/// An encoder's configuration, and which grid of patches the checkpoint's positions are for.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) encoder: EncoderConfig,
    pub(super) position_grid: [u32; 2],
    pub(super) rule: PositionRule,
}

impl Shape {
    /// Whether the positions are for the encoder's size.
    pub(super) fn is_native(&self) -> bool {
        self.encoder.grid() == self.position_grid
    }
}

/// The configuration that the tensors' shapes and the settings give, at the size that is asked for.
pub(super) fn find(source: &Source, asked: Option<[u32; 2]>) -> Result<Shape, ExportError> {
    let [embed_dim, patch] = patch_embedding(source)?;
    let table = TensorRole::TokenTable;
    let register_tokens = match source.has(REGISTERS) {
        true => sides(source, REGISTERS, table, [1, 0, embed_dim])?[1],
        false => 0,
    };
    sides(source, CLASS_TOKEN, table, [1, 1, embed_dim])?;
    let [_, positions, _] = sides(source, POSITIONS, table, [1, 0, embed_dim])?;
    let position_grid = grid(source, asked, [positions, register_tokens, patch])?;
    let fc1 = TensorRole::Block {
        layer: 0,
        tensor: BlockTensor::Fc1(LinearPart::Weight),
    };
    let [mlp_dim, _] = sides(source, &name_of(fc1), fc1, [0, embed_dim])?;
    let native = position_grid.map(|side| side.saturating_mul(patch));
    let encoder = EncoderConfig {
        image_size: asked.unwrap_or(native),
        patch_size: patch,
        embed_dim,
        depth: source.depth(),
        num_heads: heads(source, embed_dim)?,
        mlp_dim,
        register_tokens,
        layer_norm_eps: source.facts.layer_norm_eps.unwrap_or(TIMM_EPSILON),
        activation: Activation::Gelu,
    };
    check_encoder(&encoder)?;
    Ok(Shape {
        encoder,
        position_grid,
        rule: source.facts.positions.unwrap_or(PositionRule::Timm),
    })
}

/// Width and patch side, of a square convolution over three colours.
fn patch_embedding(source: &Source) -> Result<[u32; 2], ExportError> {
    let role = TensorRole::PatchEmbedWeight;
    let [embed_dim, channels, patch, width] = sides(source, PATCH_WEIGHT, role, [0; 4])?;
    if channels == EncoderConfig::CHANNELS && width == patch && patch > 0 && embed_dim > 0 {
        return Ok([embed_dim, patch]);
    }
    Err(ExportError::WrongShape {
        path: source.path().to_owned(),
        name: source.name(PATCH_WEIGHT),
        role,
        found: source.shape(PATCH_WEIGHT).unwrap_or_default(),
        expected: vec![embed_dim as usize, 3, patch as usize, patch as usize],
    })
}

fn heads(source: &Source, embed_dim: u32) -> Result<u32, ExportError> {
    source.facts.num_heads.ok_or_else(|| {
        let usual = match embed_dim.is_multiple_of(64) {
            true => format!(
                " (published ViTs of width {embed_dim} have {})",
                embed_dim / 64
            ),
            false => String::new(),
        };
        ExportError::Config {
            field: "num_heads",
            reason: format!(
                "is not in the checkpoint; give it with --heads{usual}, or in an --arch-config file"
            ),
        }
    })
}

/// A tensor's shape; each side of `expected` that is not 0 must be met.
fn sides<const N: usize>(
    source: &Source,
    name: &str,
    role: TensorRole,
    expected: [u32; N],
) -> Result<[u32; N], ExportError> {
    let wanted = expected.map(|side| side as usize).to_vec();
    let Some(found) = source.shape(name) else {
        return Err(ExportError::MissingTensor {
            path: source.path().to_owned(),
            name: source.name(name),
            role,
            expected: wanted,
        });
    };
    let mut sides = [0; N];
    let mut matches = found.len() == N;
    for ((side, &found), &wanted) in sides.iter_mut().zip(&found).zip(&expected) {
        *side = u32::try_from(found).unwrap_or(u32::MAX);
        matches &= *side != u32::MAX && (wanted == 0 || wanted == *side);
    }
    if matches {
        return Ok(sides);
    }
    Err(ExportError::WrongShape {
        path: source.path().to_owned(),
        name: source.name(name),
        role,
        found,
        expected: wanted,
    })
}

/// The grid of patches that the positions are for: what the checkpoint says, else a square.
fn grid(
    source: &Source,
    asked: Option<[u32; 2]>,
    [positions, registers, patch]: [u32; 3],
) -> Result<[u32; 2], ExportError> {
    // Positions of all tokens, of class and patches, or of patches alone.
    let prefixes = [1u32.saturating_add(registers), 1, 0];
    let mut counts: Vec<u32> = prefixes
        .iter()
        .filter_map(|&prefix| positions.checked_sub(prefix))
        .filter(|&count| count > 0)
        .collect();
    counts.dedup();
    let grid_of = |size: [u32; 2]| size.map(|side| side / patch);
    let fits = |grid: &[u32; 2]| {
        grid[0]
            .checked_mul(grid[1])
            .is_some_and(|n| counts.contains(&n))
    };
    if let Some(stated) = source.facts.image_size.map(grid_of).filter(fits) {
        return Ok(stated);
    }
    let square = |&count: &u32| {
        let side = count.isqrt();
        (side * side == count).then_some([side; 2])
    };
    let squares: Vec<[u32; 2]> = counts.iter().filter_map(square).collect();
    let wanted = asked.map(grid_of);
    let refuse = |reason| {
        Err(ExportError::Config {
            field: "image_size",
            reason,
        })
    };
    match (wanted, squares.as_slice()) {
        (Some(wanted), squares) if squares.contains(&wanted) => Ok(wanted),
        (_, &[square]) => Ok(square),
        // A size of the user's own that the positions are for, if nothing else is known of them.
        (Some(wanted), []) if fits(&wanted) => Ok(wanted),
        (_, []) => refuse(format!(
            "cannot be found: the checkpoint's {positions} positions make no square of patches; \
             give the size that they are for with --image-size HxW"
        )),
        (_, squares) => {
            let sizes = squares
                .iter()
                .map(|[side, _]| side.saturating_mul(patch).to_string());
            let sizes: Vec<String> = sizes.collect();
            refuse(format!(
                "may be any of {} by the checkpoint's {positions} positions; give it with \
                 --image-size",
                sizes.join(", ")
            ))
        }
    }
}
