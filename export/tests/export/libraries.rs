//! Checkpoints of other libraries, imported and held to those libraries' features.

use crate::checkpoint::fixture;
use crate::features::{assert_features, expected, imported};
use mimlet_export::{FloatModel, ImportOptions, import};

const PHOTOS: [&str; 2] = ["chelsea.", "coffee."];

fn with_heads(name: &str, heads: u32) -> FloatModel {
    let options = ImportOptions {
        heads: Some(heads),
        ..ImportOptions::default()
    };
    import(&fixture(name), &options).unwrap()
}

#[test]
fn mae_from_a_pytorch_file() {
    let model = with_heads("mae_96_p16_d96_l2_h3.pth", 3);
    let expected = expected("mae_96_p16_d96_l2_h3.expected.safetensors");
    for photo in PHOTOS {
        assert_features(&model, &expected, photo);
    }
    assert_eq!(model.encoder.image_size, [96, 96]);
    let decoder = model
        .ignored
        .iter()
        .filter(|name| name.starts_with("decoder_"));
    assert!(decoder.count() > 10, "{:?}", model.ignored);
    let error = import(
        &fixture("mae_96_p16_d96_l2_h3.pth"),
        &ImportOptions::default(),
    );
    let error = error.unwrap_err().to_string();
    assert!(error.contains("--heads"), "{error}");
}

#[test]
fn hugging_face_s_vit() {
    let folder = fixture("hf_vit_64_p16_d64_l2_h2");
    let model = imported(&folder);
    for photo in PHOTOS {
        let expected = expected("hf_vit_64_p16_d64_l2_h2/expected.safetensors");
        assert_features(&model, &expected, photo);
    }
    assert_eq!(model.encoder.layer_norm_eps, 1e-12);
    assert_eq!(model.name, "hf_vit_64_p16_d64_l2_h2");
    // The file alone is enough when its folder is as the hub has it.
    let by_file = imported(&folder.join("model.safetensors"));
    assert_eq!(by_file.weights, model.weights);
}

#[test]
fn hugging_face_s_dinov2() {
    let model = imported(&fixture("hf_dinov2_70_p14_d64_l2_h2"));
    let expected = expected("hf_dinov2_70_p14_d64_l2_h2/expected.safetensors");
    for photo in PHOTOS {
        assert_features(&model, &expected, photo);
    }
    assert_eq!(model.ignored, ["embeddings.mask_token"]);
}

#[test]
fn dinov2_with_registers_at_its_own_size_and_another() {
    let folder = fixture("hf_dinov2_reg_28_p7_d32_l2_h2");
    let expected = expected("hf_dinov2_reg_28_p7_d32_l2_h2/expected.safetensors");
    let own = imported(&folder);
    assert_eq!(own.encoder.register_tokens, 3);
    assert!(own.notes.is_empty(), "{:?}", own.notes);
    assert_features(&own, &expected, "own.");
    let options = ImportOptions {
        image_size: Some([42, 35]),
        ..ImportOptions::default()
    };
    let other = import(&folder, &options).unwrap();
    assert_features(&other, &expected, "other.");
    let note = "positions were resampled from 4x4 to 6x5 patches by timm's rule";
    assert!(
        other.notes.iter().any(|text| text.contains(note)),
        "{:?}",
        other.notes
    );
}

#[test]
fn timm_s_layer_scale_and_registers() {
    let model = with_heads("timm_dinov2_24_p6_d32_l2_h2.safetensors", 2);
    let expected = expected("timm_dinov2_24_p6_d32_l2_h2.expected.safetensors");
    assert_features(&model, &expected, "");
}

/// PyTorch's layout before 1.6, names under prefixes, weights that do not lie row-major.
#[test]
fn dino_s_teacher_from_an_old_pytorch_file() {
    let model = with_heads("dino_16_p8_d16_l1_h2.pth", 2);
    let expected = expected("dino_16_p8_d16_l1_h2.expected.safetensors");
    assert_features(&model, &expected, "");
    assert_eq!(
        model.ignored,
        ["module.head.mlp.0.weight", "module.head.tied"]
    );
    let note = "the weights are those under `teacher`; the checkpoint also has: student";
    assert_eq!(model.notes, [note]);
}

#[test]
#[cfg(feature = "onnx")]
fn timm_s_onnx_graph_gives_its_class_feature() {
    let model = imported(&fixture("timm_vit_64_p8_d64_l3_h4.onnx"));
    let expected = expected("timm_vit_64_p8_d64_l3_h4.expected.safetensors");
    for photo in PHOTOS {
        assert_features(&model, &expected, photo);
    }
    assert_eq!(
        (model.encoder.num_heads, model.encoder.image_size),
        (4, [64, 64])
    );
}

#[test]
#[cfg(feature = "onnx")]
fn graphs_of_both_exporters_give_their_model_s_features() {
    let expected = expected("onnx.expected.safetensors");
    for name in ["timm", "timm_scaled", "hf_vit"] {
        for exporter in ["script", "dynamo"] {
            let model = imported(&fixture(&format!("onnx_{name}_{exporter}.onnx")));
            assert_features(&model, &expected, &format!("{name}."));
            assert_eq!(model.encoder.num_heads, 2);
            assert_eq!(
                model.encoder.layer_norm_eps,
                if name == "hf_vit" { 1e-12 } else { 1e-6 }
            );
        }
    }
}
