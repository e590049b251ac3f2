//! Encoder, preprocessing and codebook: sizes in bounds and in agreement.

use super::{in_range, number};
use crate::limits::{MAX_DEPTH, MAX_DIM, MAX_IMAGE_SIDE, MAX_TOKENS};
use crate::{Codebook, CodebookSpace, EncoderConfig, FormatError, Preprocess};

/// After this, no method of [`EncoderConfig`] can overflow or divide by zero.
pub(super) fn check_encoder(encoder: &EncoderConfig) -> Result<(), FormatError> {
    let [height, width] = encoder.image_size;
    in_range("encoder.image_size[0]", height, 1_u32, MAX_IMAGE_SIDE)?;
    in_range("encoder.image_size[1]", width, 1_u32, MAX_IMAGE_SIDE)?;
    in_range(
        "encoder.patch_size",
        encoder.patch_size,
        1_u32,
        height.min(width),
    )?;
    let patch = ("encoder.patch_size", encoder.patch_size);
    multiple_of("encoder.image_size[0]", height, patch)?;
    multiple_of("encoder.image_size[1]", width, patch)?;
    in_range("width of a patch", encoder.patch_dim(), 1_u32, MAX_DIM)?;
    in_range(
        "encoder.register_tokens",
        encoder.register_tokens,
        0_u32,
        MAX_TOKENS,
    )?;
    in_range("number of tokens", encoder.tokens(), 1_u32, MAX_TOKENS)?;
    in_range("encoder.embed_dim", encoder.embed_dim, 1_u32, MAX_DIM)?;
    in_range("encoder.depth", encoder.depth, 1_u32, MAX_DEPTH)?;
    in_range(
        "encoder.num_heads",
        encoder.num_heads,
        1_u32,
        encoder.embed_dim,
    )?;
    let heads = ("encoder.num_heads", encoder.num_heads);
    multiple_of("encoder.embed_dim", encoder.embed_dim, heads)?;
    in_range("encoder.mlp_dim", encoder.mlp_dim, 1_u32, MAX_DIM)?;
    let eps = encoder.layer_norm_eps;
    number(
        eps.is_finite() && eps > 0.0,
        "encoder.layer_norm_eps",
        eps,
        "finite and above 0",
    )
}

/// The crop fits the resized image, and no division by a standard deviation gives infinity.
pub(super) fn check_preprocess(
    preprocess: &Preprocess,
    encoder: &EncoderConfig,
) -> Result<(), FormatError> {
    let [height, width] = encoder.image_size;
    in_range(
        "preprocess.resize_short_side",
        preprocess.resize_short_side,
        height.max(width),
        MAX_IMAGE_SIDE,
    )?;
    for mean in preprocess.mean {
        number(mean.is_finite(), "preprocess.mean", mean, "finite")?;
    }
    for std in preprocess.std {
        let ok = std.is_finite() && std >= f32::MIN_POSITIVE;
        number(ok, "preprocess.std", std, "finite and above 0")?;
    }
    Ok(())
}

/// Two centroids at least, because a margin is measured to the second best.
pub(super) fn check_codebook(
    codebook: &Codebook,
    encoder: &EncoderConfig,
) -> Result<(), FormatError> {
    in_range("codebook.size", codebook.size, 2_u32, MAX_DIM)?;
    let expected = match codebook.space {
        CodebookSpace::Pixels => encoder.patch_dim(),
        CodebookSpace::Features => encoder.embed_dim,
    };
    if codebook.dim == expected {
        return Ok(());
    }
    Err(FormatError::CodebookDim {
        found: codebook.dim,
        expected,
    })
}

fn multiple_of(
    field: &'static str,
    found: u32,
    (divisor_field, divisor): (&'static str, u32),
) -> Result<(), FormatError> {
    if found.is_multiple_of(divisor) {
        return Ok(());
    }
    Err(FormatError::NotDivisible {
        field,
        found,
        divisor_field,
        divisor,
    })
}
