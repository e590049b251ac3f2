//! Small models with random weights.

use mimlet_format::{
    AcceptanceTest, Activation, AlignedBytes, BlockTensor, Codebook, CodebookSpace, DType,
    Distance, EncoderConfig, GoldenTensor, Layout, LinearPart, ModelWriter, NormPart, Preprocess,
    Provenance, Resample, Scheme, TensorRole, Thresholds, expected_shape, layout_for,
    required_roles, scale_of,
};
use mimlet_kernels::case::Stream;
use mimlet_kernels::panel;

/// A file whose four linear layers a block are of `dtype`, and no size of [`ODD`] is a multiple of a
/// tile.
pub(crate) fn random_model(dtype: DType, space: CodebookSpace) -> AlignedBytes {
    random(dtype, space, ODD)
}

/// Two blocks, three heads of 13, one register, 3 x 5 patches of 7.
pub(crate) const ODD: EncoderConfig = EncoderConfig {
    image_size: [21, 35],
    patch_size: 7,
    embed_dim: 39,
    depth: 2,
    num_heads: 3,
    mlp_dim: 75,
    register_tokens: 1,
    layer_norm_eps: 1e-6,
    activation: Activation::Gelu,
};

/// Widths in multiples of four, for the variants that need it, and of no tile: two blocks, three heads
/// of 12, one register, 3 x 5 patches of 8.
pub(crate) const FOURS: EncoderConfig = EncoderConfig {
    image_size: [24, 40],
    patch_size: 8,
    embed_dim: 36,
    mlp_dim: 76,
    ..ODD
};

/// A file with these sizes, a codebook of 70, and random weights.
pub(crate) fn random(dtype: DType, space: CodebookSpace, encoder: EncoderConfig) -> AlignedBytes {
    with_codebook(dtype, Some(space), encoder)
}

/// As [`random`], with a codebook if it has a space.
pub(crate) fn with_codebook(
    dtype: DType,
    space: Option<CodebookSpace>,
    encoder: EncoderConfig,
) -> AlignedBytes {
    let codebook = space.map(|space| Codebook {
        size: 70,
        dim: match space {
            CodebookSpace::Pixels => encoder.patch_dim(),
            CodebookSpace::Features => encoder.embed_dim,
        },
        space,
        distance: Distance::Euclidean,
    });
    let short_side = encoder.image_size[0].max(encoder.image_size[1]);
    let mut writer = ModelWriter::new(
        encoder,
        preprocess(short_side),
        codebook,
        acceptance(),
        provenance(),
    );
    let mut stream = Stream::new(0x21);
    let roles: Vec<TensorRole> = required_roles(writer.manifest()).collect();
    for role in roles {
        let stored = storage(role, dtype);
        add(&mut writer, role, stored, &mut stream);
        match (scale_of(role), stored) {
            (Some(scale), DType::I8) => add(&mut writer, scale, DType::F32, &mut stream),
            (Some(scale), DType::I4) => add_group_scale(&mut writer, role, scale, &mut stream),
            _ => {}
        }
    }
    writer.finish().unwrap()
}

fn storage(role: TensorRole, dtype: DType) -> DType {
    match role {
        TensorRole::Golden(GoldenTensor::Images) => DType::U8,
        TensorRole::Golden(GoldenTensor::Tokens) => DType::U32,
        TensorRole::Golden(GoldenTensor::PatchFeatures) => DType::F16,
        TensorRole::PatchEmbedWeight if dtype == DType::F16 => DType::F16,
        TensorRole::Centroids if dtype == DType::I4 => DType::I8,
        role if scale_of(role).is_some() => dtype,
        _ => DType::F32,
    }
}

fn add(writer: &mut ModelWriter<'_>, role: TensorRole, dtype: DType, stream: &mut Stream) {
    let layout = layout_for(role, dtype).unwrap();
    let shape = expected_shape(role, writer.manifest()).unwrap();
    let elements = shape.iter().product::<u32>() as usize;
    let bytes = match (role, dtype) {
        (TensorRole::Golden(_), _) => vec![0; elements * dtype.bits() as usize / 8],
        (_, DType::I4) => {
            let values: Vec<i8> = (0..elements)
                .map(|_| (stream.bits() >> 60) as i8 - 8)
                .collect();
            let [n, k] = [shape[0], shape[1]].map(|side| side as usize);
            let mut packed = vec![0; panel::len16x8(n, k)];
            panel::pack16x8(n, k, &values, &mut packed);
            packed
        }
        (_, DType::I8) => {
            let bytes: Vec<i8> = (0..elements)
                .map(|_| (stream.signed() * 127.9) as i8)
                .collect();
            stored(&bytes, &shape, layout)
        }
        (_, DType::F16) => {
            let halves: Vec<u16> = (0..elements).map(|_| half(stream)).collect();
            stored(&halves, &shape, layout)
        }
        _ => {
            let floats: Vec<f32> = (0..elements).map(|_| value(role, stream)).collect();
            stored(&floats, &shape, layout)
        }
    };
    writer.tensor(role, dtype, layout, &shape, bytes);
}

/// Adds the scales of an i4 weight: of groups of 64 for the MLP's second layer, of 32 elsewhere.
fn add_group_scale(
    writer: &mut ModelWriter<'_>,
    weight: TensorRole,
    scale: TensorRole,
    stream: &mut Stream,
) {
    let shape = expected_shape(weight, writer.manifest()).unwrap();
    let size = match scale {
        TensorRole::Block {
            tensor: BlockTensor::Fc2(_),
            ..
        } => 64,
        _ => 32,
    };
    let shape = [shape[0], shape[1].div_ceil(size)];
    // From 2^-6 to 2^-5.
    let bits = |_| 0x2400 + (stream.bits() >> 54) as u16;
    let scales: Vec<u16> = (0..shape[0] * shape[1]).map(bits).collect();
    let bytes = stored(&scales, &shape, Layout::Panel16);
    writer.tensor(scale, DType::F16, Layout::Panel16, &shape, bytes);
}

/// Bytes of a row-major tensor in a layout.
fn stored<T: bytemuck::Pod + Default>(elements: &[T], shape: &[u32], layout: Layout) -> Vec<u8> {
    let &[n, k] = shape else {
        return bytemuck::cast_slice(elements).to_vec();
    };
    let (n, k) = (n as usize, k as usize);
    let packed = match layout {
        Layout::RowMajor | Layout::Panel16x8 => elements.to_vec(),
        Layout::Panel16 => {
            let mut packed = vec![T::zeroed(); panel::len16(n, k)];
            panel::pack16(n, k, elements, &mut packed);
            packed
        }
        Layout::Panel16x4 => {
            let mut packed = vec![T::zeroed(); panel::len16x4(n, k)];
            panel::pack16x4(n, k, elements, &mut packed);
            packed
        }
    };
    bytemuck::cast_slice(&packed).to_vec()
}

/// The bits of a half between 2^-9 and 1/8, of either sign.
fn half(stream: &mut Stream) -> u16 {
    let bits = stream.bits() as u16;
    let exponent = 6 + (bits >> 10) % 6;
    (bits & 0x83ff) | (exponent << 10)
}

/// A value in the range that the role has in trained models.
fn value(role: TensorRole, stream: &mut Stream) -> f32 {
    use BlockTensor::{Fc1, Fc2, Norm1, Norm2, Proj, Qkv};
    let signed = stream.signed();
    match role {
        TensorRole::FinalNorm(NormPart::Weight)
        | TensorRole::Block {
            tensor: Norm1(NormPart::Weight) | Norm2(NormPart::Weight),
            ..
        } => 1.0 + 0.2 * signed,
        TensorRole::Block {
            tensor:
                Qkv(LinearPart::Scale)
                | Proj(LinearPart::Scale)
                | Fc1(LinearPart::Scale)
                | Fc2(LinearPart::Scale),
            ..
        } => 0.002 + 0.001 * signed,
        TensorRole::CentroidScale => 0.03 + 0.001 * signed,
        TensorRole::Centroids | TensorRole::TokenTable => signed,
        _ => 0.2 * signed,
    }
}

fn preprocess(resize_short_side: u32) -> Preprocess {
    Preprocess {
        resize_short_side,
        resample: Resample::Bicubic,
        mean: [0.5; 3],
        std: [0.25; 3],
    }
}

fn acceptance() -> AcceptanceTest {
    AcceptanceTest {
        images: 1,
        labels: Vec::new(),
        class_names: Vec::new(),
        thresholds: Thresholds {
            min_cosine: 0.999,
            min_token_agreement: 0.99,
            wide_margin: 0.1,
            max_wide_margin_flips: 0,
            max_tcas: None,
        },
        own: None,
    }
}

fn provenance() -> Provenance {
    Provenance {
        name: "random".into(),
        producer: "mimlet-wgpu tests".into(),
        source: "seed 0x21".into(),
        source_hash: [0; 32],
        scheme: Scheme::F32,
        licence: None,
    }
}
