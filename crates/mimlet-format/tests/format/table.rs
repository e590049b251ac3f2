//! Lies told in the tensor table: which tensors, and how each is stored.

use crate::forge::{self, assert_refused, entry, forge};
use mimlet_format::{
    BlockTensor, DType, FormatError, GoldenTensor, Layout, LinearPart, Manifest, Model, NormPart,
    TensorEntry, TensorRole, group_size, stored_length,
};

const QKV: TensorRole = block(0, BlockTensor::Qkv(LinearPart::Weight));
const QKV_SCALE: TensorRole = block(0, BlockTensor::Qkv(LinearPart::Scale));
const TOKEN_TABLE: TensorRole = TensorRole::TokenTable;
const CENTROID_SCALE: TensorRole = TensorRole::CentroidScale;
const TOKENS: TensorRole = TensorRole::Golden(GoldenTensor::Tokens);
const MARGINS: TensorRole = TensorRole::Golden(GoldenTensor::Margins);

const fn block(layer: u32, tensor: BlockTensor) -> TensorRole {
    TensorRole::Block { layer, tensor }
}

fn entries() -> Vec<TensorEntry> {
    forge::table().tensors
}

// Which tensors.

#[test]
fn no_tensor_is_listed_twice() {
    for role in entries().iter().map(|entry| entry.role) {
        let file = forge(|manifest| {
            let twin = entry(manifest, role).clone();
            let at = manifest
                .tensors
                .iter()
                .position(|entry| entry.role == role)
                .unwrap();
            manifest.tensors.insert(at, twin);
        });
        assert_refused(&file, &FormatError::DuplicateTensor { role });
    }
}

#[test]
fn the_table_is_sorted() {
    for (at, pair) in entries().windows(2).enumerate() {
        let file = forge(|manifest| manifest.tensors.swap(at, at + 1));
        let role = pair[0].role;
        assert_refused(&file, &FormatError::TensorOrder { role });
    }
}

#[test]
fn no_tensor_is_missing() {
    for (at, gone) in entries().into_iter().enumerate() {
        let role = gone.role;
        let file = forge(|manifest| drop(manifest.tensors.remove(at)));
        // Scales have no weight to belong to once the weight is gone; it is the weight that is
        // asked for.
        assert_refused(&file, &FormatError::MissingTensor { role });
    }
    let empty = forge(|manifest| manifest.tensors.clear());
    let role = TensorRole::PatchEmbedWeight;
    assert_refused(&empty, &FormatError::MissingTensor { role });
}

#[test]
fn no_tensor_is_without_a_place() {
    for layer in [2, u32::MAX] {
        let role = block(layer, BlockTensor::Norm1(NormPart::Weight));
        let file = forge(|manifest| {
            let stray = TensorEntry {
                role,
                ..entry(manifest, TensorRole::FinalNorm(NormPart::Weight)).clone()
            };
            manifest.tensors.push(stray);
            manifest.tensors.sort_by_key(|entry| entry.role);
        });
        assert_refused(&file, &FormatError::UnexpectedTensor { role });
    }
    let shallow = forge(|manifest| manifest.encoder.depth = 1);
    let role = block(1, BlockTensor::Norm1(NormPart::Weight));
    assert_refused(&shallow, &FormatError::UnexpectedTensor { role });
    let deep = forge(|manifest| manifest.encoder.depth = 3);
    let role = block(2, BlockTensor::Norm1(NormPart::Weight));
    assert_refused(&deep, &FormatError::MissingTensor { role });
}

#[test]
fn tokens_come_with_a_codebook_only() {
    let without = |gone: &'static [TensorRole]| {
        forge(move |manifest| {
            manifest.codebook = None;
            manifest.drift = None;
            manifest.acceptance.thresholds.max_tcas = None;
            manifest.tensors.retain(|entry| !gone.contains(&entry.role));
        })
    };
    let role = TensorRole::Centroids;
    assert_refused(&without(&[]), &FormatError::UnexpectedTensor { role });
    let role = CENTROID_SCALE;
    let file = without(&[TensorRole::Centroids]);
    assert_refused(&file, &FormatError::UnexpectedTensor { role });
    let role = TOKENS;
    let file = without(&[TensorRole::Centroids, CENTROID_SCALE]);
    assert_refused(&file, &FormatError::UnexpectedTensor { role });
    let role = MARGINS;
    let file = without(&[TensorRole::Centroids, CENTROID_SCALE, TOKENS]);
    assert_refused(&file, &FormatError::UnexpectedTensor { role });
}

#[test]
fn own_answers_come_where_they_are_announced_only() {
    let role = TensorRole::Golden(GoldenTensor::OwnMeanFeature);
    let file = forge(|manifest| manifest.acceptance.own = None);
    assert_refused(&file, &FormatError::UnexpectedTensor { role });
    let file = forge(|manifest| manifest.tensors.retain(|entry| entry.role != role));
    assert_refused(&file, &FormatError::MissingTensor { role });
}

#[test]
fn scales_come_with_bytes_only() {
    let role = block(1, BlockTensor::Proj(LinearPart::Scale));
    let file = forge(|manifest| {
        let scale = TensorEntry {
            role,
            ..entry(manifest, block(1, BlockTensor::Proj(LinearPart::Bias))).clone()
        };
        manifest.tensors.push(scale);
        manifest.tensors.sort_by_key(|entry| entry.role);
    });
    assert_refused(&file, &FormatError::UnexpectedTensor { role });
    let file = forge(|manifest| entry(manifest, QKV).dtype = DType::F32);
    let role = QKV_SCALE;
    assert_refused(&file, &FormatError::UnexpectedTensor { role });
    let file = forge(|manifest| entry(manifest, TensorRole::Centroids).dtype = DType::F16);
    let role = CENTROID_SCALE;
    assert_refused(&file, &FormatError::UnexpectedTensor { role });
}

/// The element types of scales for groups and for channels, exchanged.
#[test]
fn groups_have_scales_of_f16_and_channels_of_f32() {
    for (tensor, found) in [
        (BlockTensor::Qkv as fn(_) -> _, DType::F16),
        (BlockTensor::Fc1, DType::F32),
        (BlockTensor::Fc2, DType::F32),
    ] {
        let role = block(0, tensor(LinearPart::Scale));
        let file = forge(|manifest| entry(manifest, role).dtype = found);
        assert_refused(&file, &FormatError::WrongDType { role, found });
    }
}

/// 70 inputs are three groups of up to 32 or two of up to 64, and nothing else.
#[test]
fn groups_are_of_32_or_64_inputs() {
    let role = block(0, BlockTensor::Fc2(LinearPart::Scale));
    let with = |groups: u32| {
        let manifest = forge::manifest();
        let mut writer = forge::writer(&manifest);
        for other in forge::roles(&manifest) {
            if other != role {
                forge::add(&mut writer, other);
            }
        }
        let bytes = vec![0; 16 * groups as usize * 2];
        writer.tensor(role, DType::F16, Layout::Panel16, &[10, groups], bytes);
        writer.finish()
    };
    for (groups, size) in [(3, 32), (2, 64)] {
        Model::parse(&with(groups).unwrap()).unwrap();
        assert_eq!(group_size(70, groups), Some(size));
    }
    for groups in [0, 1, 4, 70] {
        let error = FormatError::WrongShape {
            role,
            found: vec![10, groups],
            expected: vec![10, 3],
        };
        assert_eq!(with(groups).unwrap_err(), error);
    }
}

// How each is stored.

const DTYPES: [DType; 6] = [
    DType::F32,
    DType::F16,
    DType::I8,
    DType::U8,
    DType::U32,
    DType::I4,
];

#[test]
fn an_element_type_is_one_the_role_allows() {
    for honest in entries() {
        let role = honest.role;
        let is_linear_weight = role.to_string().starts_with("blocks.")
            && role.to_string().ends_with("weight")
            && !role.to_string().contains("norm");
        let allowed: &[DType] = match role {
            TensorRole::PatchEmbedWeight => &[DType::F32, DType::F16],
            TensorRole::Centroids => &[DType::F32, DType::F16, DType::I8],
            _ if is_linear_weight => &[DType::F32, DType::F16, DType::I8, DType::I4],
            _ => &[honest.dtype],
        };
        for found in DTYPES.into_iter().filter(|dtype| !allowed.contains(dtype)) {
            let file = forge(|manifest| {
                entry(manifest, role).dtype = found;
                // Else the scale, too much or too little, is what is found first.
                let scale = mimlet_format::scale_of(role).filter(|_| found != DType::I4);
                manifest.tensors.retain(|entry| Some(entry.role) != scale);
            });
            assert_refused(&file, &FormatError::WrongDType { role, found });
        }
    }
}

#[test]
fn a_layout_is_the_one_of_role_and_element_type() {
    for honest in entries() {
        let (role, expected) = (honest.role, honest.layout);
        for found in [
            Layout::RowMajor,
            Layout::Panel16,
            Layout::Panel16x4,
            Layout::Panel16x8,
        ] {
            if found != expected {
                let file = forge(|manifest| entry(manifest, role).layout = found);
                let error = FormatError::WrongLayout {
                    role,
                    found,
                    expected,
                };
                assert_refused(&file, &error);
            }
        }
    }
}

#[test]
fn a_shape_is_the_one_the_configuration_implies() {
    for honest in entries() {
        let (role, expected) = (honest.role, honest.shape);
        let mut shapes = vec![Vec::new(), [&expected[..], &[1]].concat()];
        for axis in 0..expected.len() {
            for size in [0, expected[axis] - 1, expected[axis] + 1, u32::MAX] {
                let mut shape = expected.clone();
                shape[axis] = size;
                shapes.push(shape);
            }
        }
        // The groups of 64 that the sample might have had: its length tells.
        shapes.retain(|shape| (&shape[..], &expected[..]) != (&[10, 2], &[10, 3]));
        for found in shapes {
            let file = forge(|manifest| entry(manifest, role).shape.clone_from(&found));
            let error = FormatError::WrongShape {
                role,
                found,
                expected: expected.clone(),
            };
            assert_refused(&file, &error);
        }
    }
}

#[test]
fn a_length_is_the_one_of_shape_type_and_layout() {
    for honest in entries() {
        let (role, expected) = (honest.role, honest.length);
        for found in [0, expected - 1, expected + 1, expected * 2, u64::MAX] {
            let file = forge(|manifest| entry(manifest, role).length = found);
            let error = FormatError::WrongLength {
                role,
                found,
                expected,
            };
            assert_refused(&file, &error);
        }
    }
}

#[test]
fn a_size_past_any_address_is_refused() {
    let file = forge(|manifest| {
        manifest.encoder.image_size = [4096, 15 * 1024];
        manifest.encoder.patch_size = 32;
        manifest.encoder.embed_dim = 65_536;
        manifest.encoder.register_tokens = 0;
        manifest.preprocess.resize_short_side = 16_384;
        manifest.codebook.as_mut().unwrap().dim = 65_536;
        manifest.acceptance.images = u32::MAX;
        manifest.acceptance.labels.clear();
        manifest.acceptance.thresholds.max_tcas = None;
        resize(manifest);
    });
    let role = TensorRole::Golden(GoldenTensor::PatchFeatures);
    assert_refused(&file, &FormatError::TensorTooLarge { role });
}

/// Gives every entry the shape and length the configuration implies.
fn resize(manifest: &mut Manifest) {
    let roles: Vec<_> = manifest.tensors.iter().map(|entry| entry.role).collect();
    for role in roles {
        let shape = forge::shape(role, manifest);
        let entry = entry(manifest, role);
        entry.length = stored_length(&shape, entry.dtype, entry.layout).unwrap_or(u64::MAX);
        entry.shape = shape;
    }
}

/// The document's table of shapes, worked out by hand for the sample: 24 x 16 pixels in patches of
/// 8, one register, dim 10, hidden 70, 5 centroids, 2 images.
#[test]
fn shapes_are_those_of_the_document() {
    let shapes: [(&str, &[u32]); 23] = [
        ("patch_embed.weight", &[10, 192]),
        ("token_table", &[8, 10]),
        ("blocks.0.norm1.weight", &[10]),
        ("blocks.0.attn.qkv.weight", &[30, 10]),
        ("blocks.0.attn.qkv.bias", &[30]),
        ("blocks.0.attn.qkv.scale", &[30]),
        ("blocks.1.attn.proj.weight", &[10, 10]),
        ("blocks.1.attn.proj.bias", &[10]),
        ("blocks.1.norm2.bias", &[10]),
        ("blocks.0.attn.proj.scale", &[10]),
        ("blocks.0.mlp.fc1.weight", &[70, 10]),
        ("blocks.0.mlp.fc1.scale", &[70, 1]),
        ("blocks.0.mlp.fc2.weight", &[10, 70]),
        ("blocks.0.mlp.fc2.scale", &[10, 3]),
        ("blocks.0.mlp.fc2.bias", &[10]),
        ("norm.weight", &[10]),
        ("codebook.centroids", &[5, 10]),
        ("codebook.scale", &[5]),
        ("golden.images", &[2, 24, 16, 3]),
        ("golden.class_features", &[2, 10]),
        ("golden.patch_features", &[2, 6, 10]),
        ("golden.tokens", &[2, 6]),
        ("golden.margins", &[2, 6]),
    ];
    let entries = entries();
    for (name, shape) in shapes {
        let entry = entries
            .iter()
            .find(|entry| entry.role.to_string() == name)
            .unwrap();
        assert_eq!(entry.shape, shape, "{name}");
    }
}

#[test]
fn a_writer_tells_of_its_lies_too() {
    let manifest = forge::manifest();
    let mut writer = forge::writer(&manifest);
    for role in forge::roles(&manifest) {
        if role != TOKEN_TABLE {
            forge::add(&mut writer, role);
        }
    }
    let role = TOKEN_TABLE;
    let found = writer.clone().finish().unwrap_err();
    assert_eq!(found, FormatError::MissingTensor { role });
    let bytes = vec![0; 8 * 10 * 4 - 1];
    writer.tensor(role, DType::F32, Layout::RowMajor, &[8, 10], bytes);
    let (found, expected) = (319, 320);
    let error = FormatError::WrongLength {
        role,
        found,
        expected,
    };
    assert_eq!(writer.finish().unwrap_err(), error);
}
