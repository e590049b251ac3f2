//! Codebooks, read in either patch order and held to the model they go with.

use crate::checkpoint::{Checkpoint, Raw, fixture, options, timm};
use mimlet_export::{
    CodebookOptions, ExportError, ExportOptions, FloatCodebook, ImportOptions, PatchOrder, export,
    import, read_codebook, synthetic_golden,
};
use mimlet_format::{CodebookSpace, Model, Scheme};
use mimlet_runtime::Encoder;

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
    read_codebook(&path, &CodebookOptions::default())
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

fn pixel_options(order: Option<PatchOrder>) -> CodebookOptions {
    CodebookOptions {
        order,
        widths: Some([768, 96]),
        ..CodebookOptions::default()
    }
}

/// The order cannot be known from the file, so it is asked for; stated, the tokens are those of the
/// float64 distances.
#[test]
fn a_codebook_of_pytorch_gives_the_tokens_it_was_made_with() {
    let path = fixture("pixel_codebook_k50_p16.pth");
    let error = read_codebook(&path, &pixel_options(None))
        .unwrap_err()
        .to_string();
    assert!(error.contains("--codebook-order"), "{error}");
    let error = read_codebook(&path, &CodebookOptions::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("--codebook-space"), "{error}");
    let codebook =
        read_codebook(&path, &pixel_options(Some(PatchOrder::RowColumnChannel))).unwrap();
    let options = ImportOptions {
        heads: Some(3),
        ..ImportOptions::default()
    };
    let model = import(&fixture("mae_96_p16_d96_l2_h3.pth"), &options).unwrap();
    let mut export_options = ExportOptions::new(Scheme::F32, model.preprocess.resolve([96, 96]));
    export_options.golden = synthetic_golden([96, 96], 2, 1);
    let exported = export(&model, Some(&codebook), &export_options).unwrap();
    let parsed = Model::parse(&exported.bytes).unwrap();
    let mut encoder = Encoder::on_cpu(&parsed, 1).unwrap();
    let inputs = Checkpoint::of(&fixture("mae_96_p16_d96_l2_h3.expected.safetensors"));
    let expected = Checkpoint::of(&fixture("pixel_codebook_k50_p16.expected.safetensors"));
    let mut wide = 0;
    for photo in ["chelsea", "coffee"] {
        let input = inputs.tensors[&format!("{photo}.input")].values();
        let found = encoder.encode(&input).unwrap();
        let tokens = &expected.tensors[&format!("{photo}.tokens")].bytes;
        let margins = expected.tensors[&format!("{photo}.margin")].values();
        let tokens = tokens
            .as_chunks()
            .0
            .iter()
            .map(|b| i64::from_le_bytes(*b) as u32);
        for ((found, token), margin) in found.tokens.iter().zip(tokens).zip(margins) {
            if margin > 1e-3 {
                assert_eq!(*found, token, "{photo}, margin {margin}");
                wide += 1;
            }
        }
    }
    assert!(wide > 60, "{wide}");
}

#[test]
fn a_codebook_of_numpy_is_read_by_rows_or_columns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("centroids.npy");
    let write = |fortran: &str, values: [f32; 6]| {
        let header = format!("{{'descr': '<f4', 'fortran_order': {fortran}, 'shape': (2, 3), }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.bytes());
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        std::fs::write(&path, bytes).unwrap();
        let options = CodebookOptions {
            widths: Some([12, 3]),
            ..CodebookOptions::default()
        };
        read_codebook(&path, &options).unwrap()
    };
    let rows = write("False", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(
        (rows.size, rows.dim, rows.space),
        (2, 3, CodebookSpace::Features)
    );
    assert_eq!(rows.centroids, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(
        write("True", [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]).centroids,
        rows.centroids
    );
}
