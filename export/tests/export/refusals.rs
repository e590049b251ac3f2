//! What is no usable checkpoint is refused by name, and nothing panics.

use crate::checkpoint::{Checkpoint, Raw, import_bytes, options, timm};
use mimlet_export::{
    ExportError, ExportOptions, ImportOptions, Target, export, import, synthetic_golden,
};
use mimlet_format::{Scheme, TensorRole};
use proptest::prelude::*;

/// What a changed copy of timm's checkpoint is refused with.
fn refusal(change: impl FnOnce(&mut Checkpoint)) -> ExportError {
    let mut checkpoint = Checkpoint::of(&timm());
    change(&mut checkpoint);
    checkpoint.import().expect_err("the checkpoint is unusable")
}

#[test]
fn an_unknown_tensor_is_named_with_its_shape() {
    let error = refusal(|checkpoint| {
        let gamma = Raw::f32(&[64], &[1.0; 64]);
        checkpoint
            .tensors
            .insert("blocks.1.gate.weight".into(), gamma);
    });
    assert!(matches!(error, ExportError::UnknownTensor { .. }));
    assert!(
        error.to_string().contains("blocks.1.gate.weight [64]"),
        "{error}"
    );
}

#[test]
fn a_missing_tensor_is_named_with_its_role_and_shape() {
    let error = refusal(|checkpoint| {
        checkpoint.tensors.remove("blocks.2.mlp.fc1.weight");
    });
    let text = error.to_string();
    assert!(matches!(error, ExportError::MissingTensor { .. }));
    assert!(text.contains("blocks.2.mlp.fc1.weight [256, 64]"), "{text}");
    for name in [
        "cls_token",
        "pos_embed",
        "patch_embed.proj.weight",
        "norm.bias",
    ] {
        let error = refusal(|checkpoint| {
            checkpoint.tensors.remove(name);
        });
        assert!(
            matches!(error, ExportError::MissingTensor { .. }),
            "{error}"
        );
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_mis_shaped_tensor_is_named_with_both_shapes() {
    let error = refusal(|checkpoint| {
        let name = "blocks.0.attn.proj.weight";
        checkpoint.tensors.get_mut(name).unwrap().shape = vec![32, 128];
    });
    let text = error.to_string();
    assert!(matches!(error, ExportError::WrongShape { .. }));
    assert!(
        text.contains("[32, 128]") && text.contains("[64, 64]"),
        "{text}"
    );
    let error = refusal(|checkpoint| {
        let name = "patch_embed.proj.weight";
        checkpoint.tensors.get_mut(name).unwrap().shape = vec![64, 3, 4, 16];
    });
    assert!(error.to_string().contains("[64, 3, 4, 16]"), "{error}");
}

#[test]
fn weights_that_are_not_finite_are_named() {
    for value in [f32::NAN, f32::INFINITY] {
        let error = refusal(|checkpoint| {
            let raw = checkpoint.tensors.get_mut("blocks.1.norm2.weight").unwrap();
            raw.bytes[12..16].copy_from_slice(&value.to_le_bytes());
        });
        let text = error.to_string();
        assert!(
            matches!(error, ExportError::NotFinite { index: 3, .. }),
            "{text}"
        );
        assert!(text.contains("blocks.1.norm2.weight"), "{text}");
    }
    let error = refusal(|checkpoint| {
        let raw = checkpoint.tensors.get_mut("pos_embed").unwrap();
        raw.bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    assert!(error.to_string().contains("pos_embed"), "{error}");
}

#[test]
fn integers_are_no_weights() {
    let error = refusal(|checkpoint| {
        let raw = checkpoint.tensors.get_mut("norm.weight").unwrap();
        raw.dtype = safetensors::tensor::Dtype::I32;
    });
    assert!(matches!(error, ExportError::WrongDType { .. }), "{error}");
}

#[test]
fn decoder_head_and_optimiser_are_left_out_and_listed() {
    let mut checkpoint = Checkpoint::of(&timm());
    let beside = [
        "decoder_embed.weight",
        "head.bias",
        "mask_token",
        "optim.m.norm.weight",
    ];
    for name in beside {
        checkpoint
            .tensors
            .insert(name.into(), Raw::f32(&[2], &[f32::NAN; 2]));
    }
    assert_eq!(checkpoint.import().unwrap().ignored, beside);
}

#[test]
fn absent_qkv_biases_are_zero() {
    let mut checkpoint = Checkpoint::of(&timm());
    checkpoint.tensors.remove("blocks.1.attn.qkv.bias");
    let model = checkpoint.import().unwrap();
    let role = |layer| TensorRole::Block {
        layer,
        tensor: mimlet_format::BlockTensor::Qkv(mimlet_format::LinearPart::Bias),
    };
    assert_eq!(model.weights.get(role(1)), [0.0; 192]);
    assert_ne!(model.weights.get(role(0)), [0.0; 192]);
}

#[test]
fn registers_take_their_place_with_or_without_positions() {
    let registers: Vec<f32> = (0..128).map(|i| i as f32).collect();
    let mut checkpoint = Checkpoint::of(&timm());
    let raw = Raw::f32(&[1, 2, 64], &registers);
    checkpoint.tensors.insert("reg_token".into(), raw);
    let model = checkpoint.import().unwrap();
    assert_eq!(model.encoder.register_tokens, 2);
    let table = model.weights.get(TensorRole::TokenTable);
    assert_eq!(&table[64..192], &registers[..]);
    assert_eq!(table.len(), 67 * 64);
    // timm's register models have positions for patches alone.
    let positions = checkpoint.tensors["pos_embed"].values();
    let raw = Raw::f32(&[1, 64, 64], &positions[64..]);
    checkpoint.tensors.insert("pos_embed".into(), raw);
    let without = checkpoint.import().unwrap();
    let class = checkpoint.tensors["cls_token"].values();
    assert_eq!(
        &without.weights.get(TensorRole::TokenTable)[..64],
        &class[..]
    );
    assert_eq!(
        &without.weights.get(TensorRole::TokenTable)[192..],
        &table[192..]
    );
}

#[test]
fn what_cannot_be_found_is_asked_for() {
    let error = import(&timm(), &ImportOptions::default()).unwrap_err();
    assert!(error.to_string().contains("--heads"), "{error}");
    let mut checkpoint = Checkpoint::of(&timm());
    checkpoint.metadata.insert("num_heads".into(), "8".into());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.safetensors");
    std::fs::write(&path, checkpoint.bytes()).unwrap();
    let model = import(&path, &ImportOptions::default()).unwrap();
    assert_eq!(model.encoder.num_heads, 8);
    // The user's word counts for more than the file's.
    assert_eq!(import(&path, &options()).unwrap().encoder.num_heads, 4);
    let heads = ImportOptions {
        heads: Some(7),
        ..ImportOptions::default()
    };
    assert!(
        import(&path, &heads)
            .unwrap_err()
            .to_string()
            .contains("num_heads")
    );
}

#[test]
fn an_architecture_file_says_what_a_checkpoint_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("arch.toml");
    std::fs::write(
        &path,
        "num_heads = 2\nmean = [0.5, 0.5, 0.5]\nresize = 70\n",
    )
    .unwrap();
    let with_file = ImportOptions {
        arch_config: Some(path.clone()),
        ..ImportOptions::default()
    };
    let model = import(&timm(), &with_file).unwrap();
    assert_eq!(model.encoder.num_heads, 2);
    let preprocess = model.preprocess.resolve([64, 64]);
    assert_eq!(
        (preprocess.mean, preprocess.resize_short_side),
        ([0.5; 3], 70)
    );
    assert_eq!(preprocess.std, mimlet_export::IMAGENET_STD);
    std::fs::write(&path, "heads = 2\n").unwrap();
    let error = import(&timm(), &with_file).unwrap_err();
    assert!(error.to_string().contains("heads"), "{error}");
}

#[test]
fn files_that_are_no_checkpoints_are_refused() {
    let whole = std::fs::read(timm()).unwrap();
    for len in [0, 1, 7, 8, 100, 5_000, whole.len() - 1] {
        let error = import_bytes(&whole[..len]).unwrap_err();
        assert!(
            matches!(error, ExportError::Content { .. }),
            "{len}: {error}"
        );
    }
    let longer = [&whole[..], &[0]].concat();
    assert!(matches!(
        import_bytes(&longer),
        Err(ExportError::Content { .. })
    ));
    let huge_header = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
    let error = import_bytes(&huge_header).unwrap_err();
    assert!(error.to_string().contains("header"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let error = import(folder.path(), &options()).unwrap_err();
    assert!(
        error.to_string().contains(folder.path().to_str().unwrap()),
        "{error}"
    );
    let nowhere = folder.path().join("nothing.safetensors");
    assert!(matches!(
        import(&nowhere, &options()),
        Err(ExportError::Io { .. })
    ));
}

/// A safetensors file with this header and `data` zeros.
fn forged(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

#[test]
fn hostile_headers_are_refused() {
    let tensor = |shape: &str, offsets: &str| {
        format!(r#"{{"cls_token":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    for (shape, offsets) in [
        ("[1]", "[0,18446744073709551615]"),
        ("[18446744073709551615,2]", "[0,4]"),
        ("[4294967296,4294967296]", "[0,4]"),
        ("[1]", "[4,8]"),
        ("[1]", "[8,4]"),
        ("[2]", "[0,4]"),
        ("[-1]", "[0,4]"),
        ("[1]", "[0,1e3]"),
    ] {
        let error = import_bytes(&forged(&tensor(shape, offsets), 4)).unwrap_err();
        assert!(
            matches!(error, ExportError::Content { .. }),
            "{shape} {offsets}: {error}"
        );
    }
    let name =
        r#"{"blocks.4294967295.norm1.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    assert!(import_bytes(&forged(name, 4)).is_err());
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(import_bytes(&forged(&deep, 0)).is_err());
}

#[test]
fn a_block_index_beyond_the_format_s_depth_is_refused_before_anything_is_allocated() {
    let error = refusal(|checkpoint| {
        let raw = checkpoint.tensors["blocks.2.norm1.weight"].clone();
        checkpoint
            .tensors
            .insert("blocks.4294967295.norm1.weight".into(), raw);
    });
    assert!(error.to_string().contains("depth"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_flipped_byte_of_a_header_makes_it_panic(at in 0_usize..3_000, byte: u8) {
        let mut bytes = std::fs::read(timm()).unwrap();
        bytes[at] = byte;
        let _ = import_bytes(&bytes);
    }
}

#[test]
fn a_model_beyond_a_target_is_refused_by_the_limit() {
    let model = import(&timm(), &options()).unwrap();
    let mut options = ExportOptions::new(Scheme::Int8, model.preprocess.resolve([64, 64]));
    options.golden = synthetic_golden([64, 64], 2, 1);
    let mut target = Target::named("cortex-m7").unwrap();
    options.target = Some(target.clone());
    let report = export(&model, None, &options).unwrap().report;
    assert_eq!(report.target.as_deref(), Some("cortex-m7"));
    let mut refusal = |target: Target| {
        options.target = Some(target);
        export(&model, None, &options).unwrap_err().to_string()
    };
    target.memory_bytes = Some(1 << 10);
    assert!(refusal(target).contains("memory_bytes allows 1,024 bytes"));
    let mut target = Target::named("downlevel").unwrap();
    target.gpu.as_mut().unwrap().max_storage_buffers = 3;
    assert!(refusal(target.clone()).contains("gpu.max_storage_buffers allows 3"));
    target.weights = vec![mimlet_export::WeightType::F32];
    assert!(refusal(target).contains("blocks.0.attn.qkv.weight and"));
    assert!(
        Target::named("toaster")
            .unwrap_err()
            .to_string()
            .contains("raspberry-pi-5")
    );
}

#[test]
fn a_target_without_f16_gets_its_patch_embedding_in_f32() {
    let model = import(&timm(), &options()).unwrap();
    let mut options = ExportOptions::new(Scheme::Int8, model.preprocess.resolve([64, 64]));
    options.golden = synthetic_golden([64, 64], 2, 1);
    let stored = |options: &ExportOptions<'_>| {
        let exported = export(&model, None, options).unwrap();
        let parsed = mimlet_format::Model::parse(&exported.bytes).unwrap();
        let patch_embedding = parsed.tensor(TensorRole::PatchEmbedWeight).unwrap();
        (
            patch_embedding.entry.dtype,
            exported.report.target_largest_image,
        )
    };
    assert_eq!(stored(&options), (mimlet_format::DType::F16, None));
    let mut target = Target::named("cortex-m7").unwrap();
    target
        .weights
        .retain(|&dtype| dtype != mimlet_export::WeightType::F16);
    options.target = Some(target);
    let (dtype, largest) = stored(&options);
    assert_eq!(dtype, mimlet_format::DType::F32);
    assert!(largest >= Some(64), "{largest:?}");
}

#[test]
fn a_weight_beyond_half_precision_is_refused_by_name() {
    let mut model = import(&timm(), &options()).unwrap();
    let role = TensorRole::Block {
        layer: 1,
        tensor: mimlet_format::BlockTensor::Fc2(mimlet_format::LinearPart::Weight),
    };
    model.weights.get_mut(role).unwrap()[7] = 1e5;
    let mut options = ExportOptions::new(Scheme::F16, model.preprocess.resolve([64, 64]));
    options.golden = synthetic_golden([64, 64], 1, 1);
    let text = export(&model, None, &options).unwrap_err().to_string();
    assert!(
        text.contains("blocks.1.mlp.fc2.weight: value 7 is 100000"),
        "{text}"
    );
}

#[test]
fn a_folder_without_weights_is_told_what_to_name() {
    let folder = tempfile::tempdir().unwrap();
    let text = import(folder.path(), &options())
        .expect_err("a folder")
        .to_string();
    assert!(
        text.contains("is a folder without model.safetensors"),
        "{text}"
    );
}
