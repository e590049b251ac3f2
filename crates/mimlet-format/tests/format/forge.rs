//! A small valid file, and forged ones: the same file with a lie in it and the hash made good, so
//! that the checks behind the hash are reached.

use mimlet_format::{
    AcceptanceTest, Activation, ActivationRange, AlignedBytes, BlockTensor, Codebook,
    CodebookSpace, DType, Distance, DriftReference, EncoderConfig, FormatError, GoldenTensor,
    Layout, LinearPart, Manifest, Model, ModelWriter, OwnAnswers, Preprocess, Provenance, Resample,
    Scheme, TensorEntry, TensorRole, Thresholds, expected_shape, layout_for, ranged_roles,
    required_roles, scale_of, stored_length,
};

/// Where the manifest starts.
pub(crate) const HEADER_LEN: usize = 64;

/// A manifest without tensors. Sizes are odd where they may be, so that panels have padding:
/// 24 x 16 pixels, patch 8, 6 patches, dim 10, hidden 70, 2 blocks, 5 centroids, 2 images.
pub(crate) fn manifest() -> Manifest {
    let mut manifest = Manifest {
        encoder: EncoderConfig {
            image_size: [24, 16],
            patch_size: 8,
            embed_dim: 10,
            depth: 2,
            num_heads: 2,
            mlp_dim: 70,
            register_tokens: 1,
            layer_norm_eps: 1e-6,
            activation: Activation::Gelu,
        },
        preprocess: Preprocess {
            resize_short_side: 28,
            resample: Resample::Bicubic,
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
        },
        codebook: Some(Codebook {
            size: 5,
            dim: 10,
            space: CodebookSpace::Features,
            distance: Distance::Euclidean,
        }),
        acceptance: AcceptanceTest {
            images: 2,
            labels: vec![1, 0],
            class_names: vec!["disc".into(), "ring".into()],
            thresholds: Thresholds {
                min_cosine: 0.999,
                min_token_agreement: 0.99,
                wide_margin: 0.1,
                max_wide_margin_flips: 0,
                max_tcas: Some(0.5),
            },
            own: Some(OwnAnswers {
                max_deviation: 0.002,
            }),
        },
        provenance: Provenance {
            name: "sample".into(),
            producer: "mimlet-format tests".into(),
            source: "forge.rs".into(),
            source_hash: [7; 32],
            scheme: Scheme::Mixed,
            licence: Some("MIT OR Apache-2.0".into()),
        },
        ranges: Vec::new(),
        drift: Some(DriftReference {
            images: 40,
            window: 8,
            token_counts: vec![100, 20, 70, 50, 0],
            max_divergence: 0.25,
            perplexity: [2.0, 4.5],
            median_distance: [1.0, 1.5],
            high_distance: [1.25, 2.0],
        }),
        tensors: Vec::new(),
    };
    manifest.ranges = ranges(&manifest);
    manifest
}

/// Ranges of every layer, no two the same.
fn ranges(manifest: &Manifest) -> Vec<ActivationRange> {
    let range = |(index, role): (u16, TensorRole)| ActivationRange {
        role,
        max_input: f32::from(index),
        max_output: f32::from(index) + 0.5,
    };
    (0..).zip(ranged_roles(manifest)).map(range).collect()
}

/// The element type each tensor of the sample has: bytes and 4-bit integers for block 0, f32 and f16
/// for block 1.
pub(crate) fn dtype(role: TensorRole) -> DType {
    use BlockTensor::{Fc1, Fc2, Proj, Qkv};
    use LinearPart::{Scale, Weight};
    match role {
        TensorRole::Block { layer, tensor } => match (tensor, layer % 2) {
            (Qkv(Weight) | Proj(Weight), 0) => DType::I8,
            (Fc1(Weight) | Fc2(Weight), 0) => DType::I4,
            (Fc1(Scale) | Fc2(Scale), 0) | (Proj(Weight) | Fc2(Weight), _) => DType::F16,
            _ => DType::F32,
        },
        TensorRole::Centroids => DType::I8,
        TensorRole::Golden(GoldenTensor::Images) => DType::U8,
        TensorRole::Golden(GoldenTensor::PatchFeatures) => DType::F16,
        TensorRole::Golden(GoldenTensor::Tokens) => DType::U32,
        _ => DType::F32,
    }
}

/// Every role of the sample's file, scales included, in table order.
pub(crate) fn roles(manifest: &Manifest) -> Vec<TensorRole> {
    let mut roles: Vec<_> = required_roles(manifest).collect();
    let is_scaled = |dtype| matches!(dtype, DType::I8 | DType::I4);
    let scales = roles.iter().filter(|role| is_scaled(dtype(**role)));
    let scales: Vec<_> = scales.filter_map(|role| scale_of(*role)).collect();
    roles.extend(scales);
    roles.sort();
    roles
}

/// Element `index` of a tensor, as bytes: distinct, valid, never zero (zero is for padding).
fn element(role: TensorRole, dtype: DType, index: u64) -> Vec<u8> {
    let small = (index % 97 + 1) as u8;
    match dtype {
        DType::F32 => (f32::from(small) / 64.0).to_le_bytes().to_vec(),
        // 2 to 3.9 in steps of 1/512.
        DType::F16 => (0x4000 + u16::from(small)).to_le_bytes().to_vec(),
        DType::I8 => vec![if index.is_multiple_of(2) {
            small
        } else {
            small.wrapping_neg()
        }],
        DType::U8 => vec![small],
        DType::I4 => vec![small % 15 + 1],
        DType::U32 => {
            assert_eq!(role, TensorRole::Golden(GoldenTensor::Tokens));
            ((index % 5) as u32).to_le_bytes().to_vec()
        }
    }
}

/// A tensor's bytes, stored as its layout says, padding zero.
pub(crate) fn content(role: TensorRole, dtype: DType, layout: Layout, shape: &[u32]) -> Vec<u8> {
    let mut bytes = vec![0; stored_length(shape, dtype, layout).unwrap() as usize];
    let (rows, columns) = match (layout, shape) {
        (Layout::RowMajor, _) => (1, shape.iter().product()),
        (_, &[rows, columns]) => (rows, columns),
        _ => unreachable!("panels are of matrices"),
    };
    for row in 0..rows {
        for column in 0..columns {
            let at = layout.position(columns, row, column);
            let index = u64::from(row) * u64::from(columns) + u64::from(column);
            put(&mut bytes, dtype, at, &element(role, dtype, index));
        }
    }
    bytes
}

/// Overwrites the element at an index. Of a 4-bit integer the low half of `element` counts.
pub(crate) fn put(bytes: &mut [u8], dtype: DType, at: u64, element: &[u8]) {
    let start = (at * dtype.bits() / 8) as usize;
    if dtype != DType::I4 {
        bytes[start..start + element.len()].copy_from_slice(element);
        return;
    }
    let shift = at % 2 * 4;
    bytes[start] = bytes[start] & !(0xf << shift) | element[0] << shift;
}

/// The shape of a tensor of the sample. Groups are of 32.
pub(crate) fn shape(role: TensorRole, manifest: &Manifest) -> Vec<u32> {
    let shape = expected_shape(role, manifest).unwrap();
    let is_scale = |weight: &TensorRole| scale_of(*weight) == Some(role);
    let weight = roles(manifest).into_iter().find(is_scale);
    match weight.filter(|weight| dtype(*weight) == DType::I4) {
        None => shape,
        Some(weight) => {
            let weight = expected_shape(weight, manifest).unwrap();
            vec![weight[0], weight[1].div_ceil(32)]
        }
    }
}

/// A writer with everything but tensors.
pub(crate) fn writer(manifest: &Manifest) -> ModelWriter<'static> {
    let ranges = ranges(manifest);
    let manifest = manifest.clone();
    let mut writer = ModelWriter::new(
        manifest.encoder,
        manifest.preprocess,
        manifest.codebook,
        manifest.acceptance,
        manifest.provenance,
    );
    writer.ranges(ranges);
    if let Some(drift) = manifest.drift {
        writer.drift(drift);
    }
    writer
}

/// Adds the sample's tensor of a role.
pub(crate) fn add(writer: &mut ModelWriter<'static>, role: TensorRole) {
    let dtype = dtype(role);
    let layout = layout_for(role, dtype).unwrap();
    let shape = shape(role, writer.manifest());
    writer.tensor(
        role,
        dtype,
        layout,
        &shape,
        content(role, dtype, layout, &shape),
    );
}

/// Writes the file of a manifest whose tables are empty.
pub(crate) fn write(manifest: &Manifest) -> Result<AlignedBytes, FormatError> {
    let mut writer = writer(manifest);
    for role in roles(manifest) {
        add(&mut writer, role);
    }
    writer.finish()
}

/// The valid file that the lies start from.
pub(crate) fn sample() -> AlignedBytes {
    write(&manifest()).unwrap()
}

/// The sample with `lie` told in its manifest: offsets are those of the honest file until `lie`
/// changes them, sections are as they were, lengths and hash in the header are right.
pub(crate) fn forge(lie: impl Fn(&mut Manifest)) -> AlignedBytes {
    let file = sample();
    let honest = Model::parse(&file).unwrap().manifest().clone();
    let first = honest.tensors[0].offset as usize;
    let mut start = HEADER_LEN;
    loop {
        let mut manifest = honest.clone();
        for entry in &mut manifest.tensors {
            entry.offset = entry.offset - first as u64 + start as u64;
        }
        lie(&mut manifest);
        let encoded = postcard::to_allocvec(&manifest).unwrap();
        let needed = (HEADER_LEN + encoded.len()).next_multiple_of(64);
        if needed <= start {
            return assemble(&encoded, start, &file[first..]);
        }
        start = needed;
    }
}

/// A file of an encoded manifest, zeros up to `start`, and sections.
pub(crate) fn assemble(manifest: &[u8], start: usize, sections: &[u8]) -> AlignedBytes {
    let mut bytes = sample()[..HEADER_LEN].to_vec();
    bytes[12..16].copy_from_slice(&(manifest.len() as u32).to_le_bytes());
    bytes.extend(manifest);
    bytes.resize(start, 0);
    bytes.extend(sections);
    resealed(bytes)
}

/// Bytes with the total length and the hash made good.
pub(crate) fn resealed(mut bytes: Vec<u8>) -> AlignedBytes {
    let total = bytes.len() as u64;
    bytes[16..24].copy_from_slice(&total.to_le_bytes());
    let mut file = AlignedBytes::from(bytes);
    seal(&mut file);
    file
}

/// Makes the hash good, as FORMAT.md says and not as the crate does.
pub(crate) fn seal(file: &mut [u8]) {
    let covered = [&file[..24], &file[56..]].concat();
    let hash = blake3::hash(&covered);
    file[24..56].copy_from_slice(hash.as_bytes());
}

/// Asserts that a file is refused with this very error. Errors may hold NaN, so their `Debug`
/// texts are compared.
#[track_caller]
pub(crate) fn assert_refused(file: &[u8], expected: &FormatError) {
    let found = Model::parse(file).expect_err("a lie was believed");
    assert_eq!(format!("{found:?}"), format!("{expected:?}"));
}

/// The entry of a role in the sample's table.
pub(crate) fn entry(manifest: &mut Manifest, role: TensorRole) -> &mut TensorEntry {
    let find = |entry: &&mut TensorEntry| entry.role == role;
    manifest.tensors.iter_mut().find(find).unwrap()
}

/// The honest sample's manifest, tensor table included.
pub(crate) fn table() -> Manifest {
    Model::parse(&sample()).unwrap().manifest().clone()
}
