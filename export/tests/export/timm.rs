//! timm's `VisionTransformer`, imported, exported by every scheme, held to timm's own features.

use crate::checkpoint::{Checkpoint, fixture, options, timm};
use mimlet_export::{
    ExportOptions, Exported, FloatModel, GoldenImage, export, import, random_codebook,
    synthetic_golden,
};
use mimlet_format::{Model, Scheme, TensorRole};
use mimlet_runtime::Encoder;
use safetensors::tensor::Dtype;

const PHOTOS: [&str; 2] = ["chelsea", "coffee"];

fn expected() -> Checkpoint {
    Checkpoint::of(&fixture("timm_vit_64_p8_d64_l3_h4.expected.safetensors"))
}

fn model() -> FloatModel {
    import(&timm(), &options()).unwrap()
}

/// The photos and enough other images to calibrate with.
fn golden() -> Vec<GoldenImage> {
    let expected = expected();
    let photo = |name: &&str| GoldenImage {
        pixels: expected.tensors[&format!("{name}.pixels_u8")].bytes.clone(),
        label: None,
    };
    let mut golden: Vec<_> = PHOTOS.iter().map(photo).collect();
    golden.extend(synthetic_golden([64, 64], 30, 1));
    golden
}

fn exported(model: &FloatModel, scheme: Scheme) -> Exported {
    let codebook = random_codebook(model, 32, 9).unwrap();
    let mut options = ExportOptions::new(scheme, model.preprocess.resolve([64, 64]));
    options.golden = golden();
    export(model, Some(&codebook), &options).unwrap()
}

#[test]
fn configuration_is_found_from_the_shapes() {
    let model = model();
    let encoder = &model.encoder;
    assert_eq!(encoder.image_size, [64, 64]);
    assert_eq!(
        (encoder.patch_size, encoder.embed_dim, encoder.depth),
        (8, 64, 3)
    );
    assert_eq!(
        (encoder.num_heads, encoder.mlp_dim, encoder.register_tokens),
        (4, 256, 0)
    );
    assert_eq!(encoder.layer_norm_eps, 1e-6);
    assert_eq!(model.name, "timm_vit_64_p8_d64_l3_h4");
    assert_eq!(model.source, "timm_vit_64_p8_d64_l3_h4.safetensors");
    let bytes = std::fs::read(timm()).unwrap();
    assert_eq!(model.source_hash, *blake3::hash(&bytes).as_bytes());
    assert!(model.ignored.is_empty());
}

#[test]
fn f32_features_are_timm_s_within_its_tolerance() {
    let exported = exported(&model(), Scheme::F32);
    let parsed = Model::parse(&exported.bytes).unwrap();
    let mut encoder = Encoder::on_cpu(&parsed, 1).unwrap();
    let expected = expected();
    for photo in PHOTOS {
        let values = |part: &str| expected.tensors[&format!("{photo}.{part}")].values();
        let encoding = encoder.encode(&values("input")).unwrap().clone();
        let worst = |found: &[f32], expected: &[f32]| {
            assert_eq!(found.len(), expected.len());
            let errors = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
            errors.fold(0.0, f32::max)
        };
        let class = worst(&encoding.class, &values("cls"));
        let patches = worst(&encoding.patches, &values("patch_tokens"));
        assert!(
            class <= 2e-4 && patches <= 2e-4,
            "{photo}: class {class}, patches {patches}"
        );
        // Pixels take the same way as normalised input.
        let pixels = &expected.tensors[&format!("{photo}.pixels_u8")].bytes;
        let from_pixels = encoder.encode_pixels(pixels).unwrap();
        assert!(worst(&from_pixels.patches, &encoding.patches) <= 2e-4);
    }
}

#[test]
fn every_scheme_keeps_features_and_tokens() {
    let model = model();
    let mut bytes = u64::MAX;
    for (scheme, cosine) in [
        (Scheme::F32, 0.999_99),
        (Scheme::F16, 0.9999),
        (Scheme::Int8, 0.999),
    ] {
        let report = exported(&model, scheme).report;
        let verdict = &report.verdict;
        assert!(verdict.min_cosine >= cosine, "{scheme:?}: {verdict:?}");
        assert!(
            verdict.token_agreement.unwrap() >= 0.99,
            "{scheme:?}: {verdict:?}"
        );
        assert_eq!(verdict.wide_margin_flips, 0);
        // Wide margins that hardly any token has would make the flips above no test.
        assert!(
            report.wide_margin_share.unwrap() > 0.5,
            "{:?}",
            report.wide_margin_share
        );
        assert_eq!((report.golden_images, report.calibration_images), (16, 16));
        assert_eq!(report.layers.len(), 3 * 4);
        assert!(report.weight_bytes < bytes);
        bytes = report.weight_bytes;
    }
}

#[test]
fn half_precision_checkpoints_are_read() {
    let float = model();
    let mut checkpoint = Checkpoint::of(&timm());
    for raw in checkpoint.tensors.values_mut() {
        let halves = raw.values().into_iter().map(half::f16::from_f32);
        raw.bytes = halves.flat_map(half::f16::to_le_bytes).collect();
        raw.dtype = Dtype::F16;
    }
    let role = TensorRole::PatchEmbedWeight;
    let compare = |found: &FloatModel, tolerance: f32| {
        for (a, b) in found.weights.get(role).iter().zip(float.weights.get(role)) {
            assert!(
                (a - b).abs() <= tolerance * b.abs().max(1e-3),
                "{a} is not {b}"
            );
        }
    };
    compare(&checkpoint.import().unwrap(), 5e-4);
    let mut checkpoint = Checkpoint::of(&timm());
    for raw in checkpoint.tensors.values_mut() {
        let halves = raw.values().into_iter().map(half::bf16::from_f32);
        raw.bytes = halves.flat_map(half::bf16::to_le_bytes).collect();
        raw.dtype = Dtype::BF16;
    }
    compare(&checkpoint.import().unwrap(), 4e-3);
}

#[test]
fn positions_class_token_and_patch_bias_are_folded_into_one_table() {
    let checkpoint = Checkpoint::of(&timm());
    let values = |name: &str| checkpoint.tensors[name].values();
    let (class, positions) = (values("cls_token"), values("pos_embed"));
    let bias = values("patch_embed.proj.bias");
    let model = model();
    let table = model.weights.get(TensorRole::TokenTable);
    assert_eq!(table.len(), 65 * 64);
    for (index, &value) in table.iter().enumerate() {
        let first = if index < 64 {
            class[index]
        } else {
            bias[index % 64]
        };
        assert_eq!(value, first + positions[index], "value {index}");
    }
}
