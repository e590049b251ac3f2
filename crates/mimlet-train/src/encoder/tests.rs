//! Features held to other software's.

use super::*;

use safetensors::SafeTensors;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/");

/// timm's `vit_tiny`-like model of the fixtures, with timm's own features to compare with.
#[test]
fn features_equal_those_of_timm() {
    let device = Device::flex();
    let model = ModelConfig {
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
    };
    let name = format!("{FIXTURES}timm_vit_64_p8_d64_l3_h4");
    let weights = format!("{name}.safetensors");
    let (state, _) = tensors::read(Path::new(&weights)).unwrap();
    let vit = with_state(Vit::new(&model, &mut Init::new(0, &device)), &state).unwrap();
    let bytes = std::fs::read(format!("{name}.expected.safetensors")).unwrap();
    let expected = SafeTensors::deserialize(&bytes).unwrap();
    let floats = |name: String| -> Vec<f32> {
        let data = expected.tensor(&name).unwrap().data();
        let words = data.chunks_exact(4);
        words
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect()
    };
    for photo in ["chelsea", "coffee"] {
        let pixels = expected.tensor(&format!("{photo}.pixels_u8")).unwrap();
        let mut patches = vec![0.0; 64 * 64 * 3];
        write_patches(&model, pixels.data(), &mut patches);
        let features = host_values(vit.encode(&model, patches, &device));
        let class = floats(format!("{photo}.cls"));
        let rest = floats(format!("{photo}.patch_tokens"));
        assert_eq!(features.len(), class.len() + rest.len());
        let expected = class.iter().chain(&rest);
        let near = |(a, b): (&f32, &f32)| (a - b).abs() < 2e-4;
        assert!(features.iter().zip(expected).all(near), "{photo}");
    }
}
