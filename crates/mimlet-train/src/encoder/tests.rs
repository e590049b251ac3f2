//! Features held to other software's, and to the runtime's.

use mimlet_runtime::Encoder;
use safetensors::SafeTensors;

use super::*;
use crate::data::ImageSet;
use crate::nn::state::Array;
use crate::synth::{self, SynthConfig};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/");
const SHAPES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/shapes-tiny/");

/// What timm's `vit_tiny`-like model of the fixtures does not say itself.
fn timm_model() -> ModelConfig {
    ModelConfig {
        image_size: 64,
        resize: 72,
        patch_size: 8,
        dim: 64,
        depth: 3,
        heads: 4,
        mlp: 256,
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
        licence: "none".into(),
    }
}

fn timm_path() -> PathBuf {
    format!("{FIXTURES}timm_vit_64_p8_d64_l3_h4.safetensors").into()
}

/// The pixels of one photo, and timm's class and patch features of it.
fn timm_expected(photo: &str) -> (Vec<u8>, Vec<f32>, Vec<f32>) {
    let path = timm_path().with_extension("expected.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let expected = SafeTensors::deserialize(&bytes).unwrap();
    let floats = |name: String| -> Vec<f32> {
        let words = expected
            .tensor(&name)
            .unwrap()
            .data()
            .as_chunks::<4>()
            .0
            .to_vec();
        words.into_iter().map(f32::from_le_bytes).collect()
    };
    let pixels = expected.tensor(&format!("{photo}.pixels_u8")).unwrap();
    (
        pixels.data().to_vec(),
        floats(format!("{photo}.cls")),
        floats(format!("{photo}.patch_tokens")),
    )
}

fn near(found: &[f32], expected: &[f32], tolerance: f32) -> bool {
    found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|(a, b)| (a - b).abs() < tolerance)
}

#[test]
fn a_timm_checkpoint_without_our_metadata_gives_timms_features() {
    let (device, model) = (Device::flex(), timm_model());
    let error = EncoderFile::read(&timm_path(), &device)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("timm_vit_64") && error.contains("[model]"),
        "{error}"
    );
    let encoder = EncoderFile::open(&timm_path(), &model, &device).unwrap();
    assert_eq!(encoder.model, model);
    for photo in ["chelsea", "coffee"] {
        let (pixels, class, rest) = timm_expected(photo);
        let mut patches = vec![0.0; pixels.len()];
        write_patches(&model, &pixels, &mut patches);
        let features = encoder.encode(patches, vec![0]);
        assert!(near(&features.class, &class, 2e-4), "{photo}");
        assert!(near(&features.patches, &rest, 2e-4), "{photo}");
    }
    let other = ModelConfig {
        image_size: 96,
        resize: 96,
        ..model.clone()
    };
    let error = EncoderFile::open(&timm_path(), &other, &device)
        .unwrap_err()
        .to_string();
    assert!(error.contains("image_size must be 64"), "{error}");
}

#[test]
fn the_last_blocks_features_become_the_encoders_by_its_norm() {
    let (device, model) = (Device::flex(), timm_model());
    let open = || EncoderFile::open(&timm_path(), &model, &device).unwrap();
    let (pixels, _, expected) = timm_expected("coffee");
    let mut patches = vec![0.0; pixels.len()];
    write_patches(&model, &pixels, &mut patches);
    let at = |layer| {
        open()
            .at_layer(layer)
            .unwrap()
            .encode(patches.clone(), vec![0])
            .patches
    };
    let (state, _) = tensors::read(&timm_path()).unwrap();
    let (gain, offset) = (&state["norm.weight"].values, &state["norm.bias"].values);
    let mut normed = Vec::new();
    for row in at(Some(3)).chunks_exact(64) {
        let mean = row.iter().sum::<f32>() / 64.0;
        let variance = row.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 64.0;
        let scale = (variance + 1e-6).sqrt().recip();
        normed.extend(
            row.iter()
                .zip(gain.iter().zip(offset))
                .map(|(v, (g, o))| (v - mean) * scale * g + o),
        );
    }
    assert!(near(&normed, &expected, 2e-4));
    assert_ne!(at(Some(1)), at(Some(2)));
    for layer in [0, 4] {
        let error = open().at_layer(Some(layer)).unwrap_err().to_string();
        assert!(error.contains("blocks 1 to 3"), "{error}");
    }
}

#[test]
fn a_tensor_that_would_be_left_out_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scaled.safetensors");
    let (mut state, _) = tensors::read(&timm_path()).unwrap();
    let array = Array {
        shape: vec![1],
        values: vec![1.0],
    };
    state.insert("head.weight".into(), array.clone());
    let write = |state: &State, epsilon: &str| {
        let mut metadata = metadata(&timm_model());
        metadata.insert("layer_norm_eps", epsilon.into());
        tensors::write(&path, state, &metadata, Precision::F32).unwrap();
        EncoderFile::read(&path, &Device::flex())
    };
    assert!(write(&state, "1e-6").is_ok());
    let error = write(&state, "1e-5").unwrap_err().to_string();
    assert!(error.contains("layer_norm_eps"), "{error}");
    state.insert("blocks.1.ls1.gamma".into(), array);
    let error = write(&state, "1e-6").unwrap_err().to_string();
    assert!(error.contains("blocks.1.ls1.gamma"), "{error}");
}

#[test]
fn a_mim_file_gives_the_runtimes_features() {
    let path = format!("{SHAPES}shapes-tiny.int8.mim");
    let encoder = EncoderFile::read(Path::new(&path), &Device::flex()).unwrap();
    assert_eq!(
        (encoder.model.image_size, encoder.model.patch_size),
        (64, 8)
    );
    let images: ImageSet = synth::generate(SynthConfig {
        images: 5,
        seed: 11,
    })
    .unwrap();
    let file = ModelFile::open(&path).unwrap();
    let model = file.model();
    let mut runtime = Encoder::on_cpu(&model, 1).unwrap();
    let mut seen = 0;
    encoder
        .features(&images, &[4, 0, 2], |features| {
            assert_eq!(features.labels, [4, 0, 2]);
            let dim = encoder.model.dim;
            for (place, index) in [4, 0, 2].into_iter().enumerate() {
                let expected = runtime.encode_pixels(images.image(index)).unwrap();
                let class = &features.class[place * dim..(place + 1) * dim];
                let patches = &features.patches[place * 64 * dim..(place + 1) * 64 * dim];
                assert!(
                    near(class, &expected.class, 1e-5) && near(patches, &expected.patches, 1e-5)
                );
                seen += 1;
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, 3);
    let error = encoder.at_layer(Some(1)).unwrap_err().to_string();
    assert!(error.contains("final norm only"), "{error}");
}
