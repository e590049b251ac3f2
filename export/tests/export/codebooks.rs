//! Codebooks, read in either patch order and held to the model they go with.

use crate::checkpoint::{Checkpoint, Raw, options, timm};
use mimlet_export::{
    ExportError, ExportOptions, FloatCodebook, export, import, read_codebook, synthetic_golden,
};
use mimlet_format::{CodebookSpace, Scheme};

fn codebook(metadata: &[(&str, &str)], shape: &[usize]) -> Checkpoint {
    let values: Vec<f32> = (0..shape.iter().product()).map(|i| i as f32).collect();
    Checkpoint {
        tensors: [("centers".to_owned(), Raw::f32(shape, &values))].into(),
        metadata: metadata
            .iter()
            .map(|&(k, v)| (k.to_owned(), v.to_owned()))
            .collect(),
    }
}

fn read(checkpoint: &Checkpoint) -> Result<FloatCodebook, ExportError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("codebook.safetensors");
    std::fs::write(&path, checkpoint.bytes()).unwrap();
    read_codebook(&path)
}

#[test]
fn codebooks_are_read_in_either_patch_order() {
    let ours = [("space", "pixels"), ("patch_order", "channel,row,column")];
    let theirs = [("space", "pixels"), ("patch_order", "row,column,channel")];
    let same = read(&codebook(&ours, &[2, 12])).unwrap();
    assert_eq!(same.centroids[..5], [0.0, 1.0, 2.0, 3.0, 4.0]);
    // Patch of 2 x 2 pixels: pixel p of channel c was at 3 p + c.
    let turned = read(&codebook(&theirs, &[2, 12])).unwrap();
    assert_eq!(turned.centroids[..5], [0.0, 3.0, 6.0, 9.0, 1.0]);
    assert_eq!(turned.centroids[12..15], [12.0, 15.0, 18.0]);
    assert_eq!(
        (turned.size, turned.dim, turned.space),
        (2, 12, CodebookSpace::Pixels)
    );
}

#[test]
fn codebooks_that_leave_something_open_are_refused() {
    let refusal = |metadata: &[(&str, &str)], shape: &[usize]| {
        read(&codebook(metadata, shape)).unwrap_err().to_string()
    };
    assert!(refusal(&[], &[2, 12]).contains("space"));
    assert!(refusal(&[("space", "pixels")], &[2, 12]).contains("patch_order"));
    assert!(refusal(&[("space", "features")], &[24]).contains("centers"));
    assert!(
        read_codebook("codebook.npy".as_ref())
            .unwrap_err()
            .to_string()
            .contains("space")
    );
}

#[test]
fn a_codebook_of_another_rule_than_a_devices_is_refused() {
    let features = |key: &'static str, value: &'static str| {
        read(&codebook(&[("space", "features"), (key, value)], &[2, 3]))
    };
    let refusal = |key, value| features(key, value).unwrap_err().to_string();
    assert!(features("normalise", "none").is_ok());
    assert!(refusal("normalise", "per-patch").contains("per-patch"));
    assert!(refusal("layer", "3").contains("after block 3"));
    // The centroids of `codebook` are 0, 1, 2 and 3, 4, 5.
    assert!(refusal("normalise", "l2").contains("centroid 0"));
    for space in ["random-projection", "labels"] {
        let metadata = [("space", space), ("patch_order", "channel,row,column")];
        let error = read(&codebook(&metadata, &[2, 12]))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(space) && error.contains("baseline"),
            "{error}"
        );
    }
}

#[test]
fn spherical_centroids_give_the_token_of_largest_cosine() {
    let values = [0.6f32, 0.8, 0.0, 0.0, 0.28, 0.96];
    let mut checkpoint = codebook(&[("space", "features"), ("normalise", "l2")], &[2, 3]);
    let raw = Raw::f32(&[2, 3], &values);
    checkpoint.tensors.insert("centers".into(), raw);
    let centroids = read(&checkpoint).unwrap().centroids;
    let score = |rule: &dyn Fn(&[f32]) -> f32| -> usize {
        let scores: Vec<f32> = centroids.chunks_exact(3).map(rule).collect();
        usize::from(scores[1] > scores[0])
    };
    // Short and long vectors alike.
    for (vector, token) in [([0.1, 0.02, 0.03], 0), ([-40.0, 90.0, 90.0], 1)] {
        let pairs = |row: &[f32]| -> Vec<(f32, f32)> { row.iter().copied().zip(vector).collect() };
        let cosine = |row: &[f32]| pairs(row).iter().map(|(c, x)| c * x).sum::<f32>();
        let nearness = |row: &[f32]| {
            -pairs(row)
                .iter()
                .map(|(c, x)| (c - x) * (c - x))
                .sum::<f32>()
        };
        assert_eq!([score(&cosine), score(&nearness)], [token; 2]);
    }
}

#[test]
fn a_codebook_for_another_model_or_normalisation_is_refused() {
    let model = import(&timm(), &options()).unwrap();
    let mut options = ExportOptions::new(Scheme::F32, model.preprocess.resolve([64, 64]));
    options.golden = synthetic_golden([64, 64], 1, 1);
    let refusal = |metadata: &[(&str, &str)], shape: &[usize]| {
        let codebook = read(&codebook(metadata, shape)).unwrap();
        export(&model, Some(&codebook), &options)
            .unwrap_err()
            .to_string()
    };
    assert!(refusal(&[("space", "features")], &[4, 65]).contains("65 wide"));
    assert!(refusal(&[("space", "features")], &[1, 64]).contains("2 centroids"));
    let other = [
        ("space", "features"),
        ("mean", "0.5,0.5,0.5"),
        ("std", "0.5,0.5,0.5"),
    ];
    assert!(refusal(&other, &[4, 64]).contains("mean"));
}
