//! Prefixes of none, one and five tokens; odd patches; both weight types.

use super::{Params, cpu, panel_weight, reference, scratch_len, variants};
use crate::case::{
    Case, FloatWeight, Output, Stream, Tolerance, Values, at_each_level, unwritten_f32,
};
use crate::in_parts::and_in_parts;
use crate::math::shorten;
use crate::patchify;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

/// The examples of patch embedding: (prefix, (height, width, patch), embed_dim, half).
pub(crate) fn cases() -> Vec<Case> {
    [
        (1, (64, 64, 8), 128, false),
        (1, (64, 64, 8), 128, true),
        (0, (1, 1, 1), 1, false),
        (5, (70, 70, 14), 37, false),
        (5, (28, 42, 14), 37, true),
        (2, (3, 5, 1), 36, false),
        (0, (48, 20, 4), 68, true),
        (1, (224, 224, 16), 192, false),
    ]
    .iter()
    .flat_map(|&shape| {
        let half = shape.3;
        let short = half.then(|| case(shape, Products::Short));
        [case(shape, Products::Fused), case(shape, Products::Rounded)]
            .into_iter()
            .chain(short)
    })
    .collect()
}

/// How products are added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Products {
    /// Fused with their addition.
    Fused,
    /// Rounded before it.
    Rounded,
    /// Fused with it, and exact.
    Short,
}

fn case(
    (prefix, (height, width, patch), embed_dim, half): (usize, (usize, usize, usize), usize, bool),
    products: Products,
) -> Case {
    let image = patchify::Params {
        height,
        width,
        patch,
    };
    let (patches, patch_dim) = (image.patches(), image.patch_dim());
    let params = Params {
        prefix,
        patches,
        patch_dim,
        embed_dim,
        half,
        fused: products != Products::Rounded,
    };
    let pixels = Stream::new(0x14).values(3 * height * width, 2.0);
    let mut x = vec![f32::NAN; pixels.len()];
    patchify::reference(&image, &pixels, &mut x);
    if products == Products::Short {
        x.iter_mut().for_each(|value| *value = shorten(*value));
    }
    let mut stream = Stream::new(0x13);
    let weight = FloatWeight::random(&mut stream, embed_dim, patch_dim, half);
    let table = stream.values((prefix + patches) * embed_dim, 1.0);
    let mut expected = vec![0.0; table.len()];
    reference(&params, &x, &weight.matrix, &table, &mut expected);
    let near = Tolerance::Near {
        absolute: 2e-6 * patch_dim as f32,
        relative: 1e-5,
    };
    Case {
        fuses: products == Products::Fused,
        name: format!(
            "{height}x{width} by {patch}, {prefix} before them, to {embed_dim}, half {half}, {products:?}"
        ),
        // To a GPU all are the same.
        variants: match products {
            Products::Fused => and_in_parts(variants(&params, &image, 1), &panel_weight(&params)),
            Products::Rounded | Products::Short => vec![],
        },
        buffers: vec![
            Values::F32(pixels),
            weight.buffer(),
            Values::F32(table.clone()),
            unwritten_f32(table.len()),
        ],
        outputs: vec![Output {
            binding: 3,
            expected: Values::F32(expected),
            cpu: near,
            gpu: near,
        }],
        cpu: at_each_level(|level| {
            let mut out = vec![f32::NAN; table.len()];
            // In parts of seven tokens, as threads would share them.
            for (part, out) in out.chunks_mut(7 * embed_dim).enumerate() {
                let first = part * 7;
                let patches = &x[first.saturating_sub(prefix) * patch_dim..];
                let mut scratch = vec![f32::NAN; scratch_len(&params)];
                cpu(
                    level,
                    &params,
                    patches,
                    weight.panels(),
                    &table,
                    first,
                    &mut scratch,
                    out,
                );
            }
            vec![Values::F32(out)]
        }),
    }
}
