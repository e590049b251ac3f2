//! The network against PyTorch, on MAE's own way of computing it.

use std::path::Path;

use burn::tensor::{Device, Int, Tensor, TensorData};
use safetensors::SafeTensors;

use super::init::Init;
use super::mae::{Mae, MaskedImages};
use super::state::{host_values, with_state};
use crate::config::{DecoderConfig, ModelConfig};
use crate::patches::write_patches;
use crate::pretrain::tiny;
use crate::tensors;

const FIXTURE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/fixtures/mae_96_p16_d96_l2_h3"
);
const PHOTOS: [&str; 2] = ["chelsea", "coffee"];
const PATCHES: usize = 36;
/// Patches the encoder sees.
const SEEN: usize = 9;
const TOKENS: usize = 50;

fn floats(file: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let words = file.tensor(name).unwrap().data().chunks_exact(4);
    words
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect()
}

fn assert_near(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let worst = found
        .iter()
        .zip(expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(worst < 2e-4, "{what}: off by {worst}");
}

/// The checkpoint, read from PyTorch's own file.
fn mae(device: &Device) -> (ModelConfig, Mae) {
    let mut config = tiny::config();
    config.model = ModelConfig {
        image_size: 96,
        resize: 109,
        dim: 96,
        heads: 3,
        mlp: 384,
        ..config.model
    };
    config.decoder = DecoderConfig {
        dim: 96,
        depth: 1,
        heads: 3,
        mlp: 384,
    };
    let (state, _) = tensors::read(Path::new(&format!("{FIXTURE}.pth"))).unwrap();
    let fresh = Mae::new(&config, TOKENS, &mut Init::new(0, device));
    (config.model, with_state(fresh, &state).unwrap())
}

/// Both photos' normalised patches, `[images, patches, 3 p p]`.
fn photos(model: &ModelConfig, expected: &SafeTensors<'_>) -> Vec<f32> {
    let of_photo = |photo: &&str| {
        let pixels = expected.tensor(&format!("{photo}.pixels_u8")).unwrap();
        let mut patches = vec![0.0; PATCHES * model.patch_dim()];
        write_patches(model, pixels.data(), &mut patches);
        patches
    };
    PHOTOS.iter().flat_map(of_photo).collect()
}

#[test]
fn the_encoder_gives_the_features_of_pytorchs_checkpoint() {
    let device = Device::flex();
    let (model, mae) = mae(&device);
    let bytes = std::fs::read(format!("{FIXTURE}.expected.safetensors")).unwrap();
    let expected = SafeTensors::deserialize(&bytes).unwrap();
    let patches = photos(&model, &expected);
    let found = host_values(mae.encoder.encode(&model, patches, &device));
    for (photo, found) in PHOTOS
        .iter()
        .zip(found.chunks_exact((1 + PATCHES) * model.dim))
    {
        let class = floats(&expected, &format!("{photo}.cls"));
        let rest = floats(&expected, &format!("{photo}.patch_tokens"));
        assert_near(found, &[class, rest].concat(), photo);
    }
}

#[test]
fn the_decoder_says_of_hidden_patches_what_pytorch_says() {
    let device = Device::flex();
    let (model, mae) = mae(&device);
    let bytes = std::fs::read(format!("{FIXTURE}.expected.safetensors")).unwrap();
    let patches = photos(&model, &SafeTensors::deserialize(&bytes).unwrap());
    let bytes = std::fs::read(format!("{FIXTURE}.decoder.safetensors")).unwrap();
    let expected = SafeTensors::deserialize(&bytes).unwrap();
    let words = expected.tensor("visible").unwrap().data().chunks_exact(4);
    let visible: Vec<i32> = words
        .map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    let masked: Vec<i32> = visible
        .chunks_exact(SEEN)
        .flat_map(|seen| (0..PATCHES as i32).filter(move |patch| !seen.contains(patch)))
        .collect();
    let width = model.patch_dim();
    let rows = |at: &[i32]| -> Vec<usize> {
        let per_image = at.len() / 2;
        at.iter()
            .enumerate()
            .map(|(i, &patch)| i / per_image * PATCHES + patch as usize)
            .collect()
    };
    let seen: Vec<f32> = rows(&visible)
        .into_iter()
        .flat_map(|row| patches[row * width..(row + 1) * width].to_vec())
        .collect();
    let ints = |values: &[i32]| {
        let data = TensorData::new(values.to_vec(), [values.len()]);
        Tensor::<1, Int>::from_data(data, &device)
    };
    let seen: Tensor<2> = Tensor::from_data(TensorData::new(seen, [2 * SEEN, width]), &device);
    let latent = mae.encoder.forward(seen.clone(), ints(&visible), 2);
    assert_near(&host_values(latent), &floats(&expected, "latent"), "latent");
    let found = host_values(mae.forward(MaskedImages {
        batch: 2,
        patches: seen,
        visible: ints(&visible),
        masked: ints(&masked),
    }));
    let all = floats(&expected, "pred");
    let wanted: Vec<f32> = rows(&masked)
        .into_iter()
        .flat_map(|row| all[row * TOKENS..(row + 1) * TOKENS].to_vec())
        .collect();
    assert_near(&found, &wanted, "decoder");
}
