//! What is written is what is read.

use crate::forge;
use mimlet_format::{CodebookSpace, DType, Model, ModelFile, Scheme, TensorRole, VERSION};

#[test]
fn reads_back_what_was_written() {
    let file = forge::sample();
    let model = Model::parse(&file).unwrap();
    let mut manifest = forge::manifest();
    manifest.tensors = model.manifest().tensors.clone();
    assert_eq!(*model.manifest(), manifest);
    let roles = forge::roles(&manifest);
    assert_eq!(model.tensors().len(), roles.len());
    for role in roles {
        let view = model.tensor(role).unwrap();
        let entry = view.entry;
        let content = forge::content(role, entry.dtype, entry.layout, &entry.shape);
        assert_eq!(view.bytes, content, "{role}");
        assert_eq!(view.bytes.as_ptr().addr() % 64, 0, "{role}");
    }
}

#[test]
fn views_give_elements_of_their_own_type_only() {
    let file = forge::sample();
    let model = Model::parse(&file).unwrap();
    for view in model.tensors() {
        let elements = view
            .entry
            .layout
            .stored_elements(&view.entry.shape)
            .unwrap() as usize;
        let found = [
            (DType::F32, view.f32().map(<[_]>::len)),
            (DType::F16, view.f16_bits().map(<[_]>::len)),
            (DType::I8, view.i8().map(<[_]>::len)),
            (DType::I4, view.i4().map(|bytes| 2 * bytes.len())),
            (DType::U8, view.u8().map(<[_]>::len)),
            (DType::U32, view.u32().map(<[_]>::len)),
        ];
        for (dtype, len) in found {
            let expected = (view.entry.dtype == dtype).then_some(elements);
            assert_eq!(len, expected, "{} as {dtype}", view.entry.role);
        }
    }
}

#[test]
fn the_order_of_adding_does_not_change_a_byte() {
    let manifest = forge::manifest();
    let mut writer = forge::writer(&manifest);
    for role in forge::roles(&manifest).into_iter().rev() {
        forge::add(&mut writer, role);
    }
    assert_eq!(writer.finish().unwrap()[..], forge::sample()[..]);
}

#[test]
fn variants_of_the_manifest_are_files_too() {
    let mut bare = forge::manifest();
    bare.codebook = None;
    bare.drift = None;
    bare.acceptance.own = None;
    bare.acceptance.labels.clear();
    bare.acceptance.class_names.clear();
    bare.acceptance.thresholds.max_tcas = None;
    bare.provenance.licence = None;
    bare.provenance.scheme = Scheme::F32;
    let file = forge::write(&bare).unwrap();
    let model = Model::parse(&file).unwrap();
    assert!(model.tensor(TensorRole::Centroids).is_none());

    let mut pixels = forge::manifest();
    let codebook = pixels.codebook.as_mut().unwrap();
    codebook.space = CodebookSpace::Pixels;
    codebook.dim = 3 * 8 * 8;
    let file = forge::write(&pixels).unwrap();
    let model = Model::parse(&file).unwrap();
    let centroids = model.tensor(TensorRole::Centroids).unwrap();
    assert_eq!(centroids.i8().unwrap().len(), 16 * 192);
}

#[test]
fn a_file_in_memory_gives_the_same_model() {
    let file = forge::sample();
    let parsed = Model::parse(&file).unwrap();
    let owned = ModelFile::from_bytes(file.to_vec()).unwrap();
    let model = owned.model();
    assert_eq!(model.manifest(), parsed.manifest());
    assert_eq!(model.bytes(), parsed.bytes());
    assert_eq!(model.hash(), parsed.hash());
    assert_eq!(model.hash()[..], file[24..56]);
    assert_eq!(file[8..10], VERSION.to_le_bytes());
}

/// A change of this hash is a change of the format: old files may no longer be read, and what two
/// machines write may differ.
#[test]
fn the_bytes_of_a_file_are_fixed() {
    let hash = blake3::hash(&forge::sample()).to_hex();
    assert_eq!(&hash[..16], "0b468ac70a02706a");
}

#[test]
fn names_are_those_of_the_document() {
    let names: Vec<_> = forge::table()
        .tensors
        .iter()
        .map(|entry| entry.role.to_string())
        .collect();
    assert_eq!(
        names[..4],
        [
            "patch_embed.weight",
            "token_table",
            "blocks.0.norm1.weight",
            "blocks.0.norm1.bias"
        ]
    );
    for name in [
        "blocks.0.attn.qkv.scale",
        "blocks.1.attn.proj.weight",
        "blocks.1.norm2.bias",
        "blocks.1.mlp.fc1.bias",
        "blocks.0.mlp.fc2.scale",
        "norm.weight",
        "codebook.centroids",
        "codebook.scale",
    ] {
        assert!(names.iter().any(|found| found == name), "{name}");
    }
    let golden = [
        "images",
        "class_features",
        "patch_features",
        "tokens",
        "margins",
        "own_mean_feature",
    ];
    assert_eq!(
        names[names.len() - golden.len()..],
        golden.map(|name| format!("golden.{name}"))
    );
}

/// What the document lists as accepted though it may look odd.
#[test]
fn odd_files_that_break_no_rule_are_read() {
    let odd = forge::forge(|manifest| {
        let acceptance = &mut manifest.acceptance;
        acceptance.labels.clear();
        acceptance.thresholds.max_tcas = None;
        acceptance.thresholds.wide_margin = 0.0;
    });
    Model::parse(&odd).unwrap();

    let mut nan = forge::sample();
    let weight = forge::table().tensors[0].offset as usize;
    nan[weight..weight + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    forge::seal(&mut nan);
    Model::parse(&nan).unwrap();
}
