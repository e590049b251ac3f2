//! Pairs of files that `mimlet diff` must tell apart, and how.

use std::fs;
use std::path::Path;

use mimlet_format::{
    BlockTensor, DType, Layout, LinearPart, ModelFile, ModelWriter, TensorEntry, TensorRole,
    write_atomically,
};
use mimlet_kernels::panel;
use serde_json::Value;

use crate::fixture::{DIM, codebook, folder, json, mimlet, refused};
use crate::snapshot::same_as_committed;

/// The report of a comparison that found a difference.
fn different(folder: &Path, a: &str, b: &str) -> Value {
    let run = mimlet(folder, &["diff", a, b, "--json"]);
    assert_eq!((run.code, &*run.stderr), (1, ""), "{}", run.stdout);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["equal"], false);
    report
}

/// Tensors that are not the same, by role.
fn changed(report: &Value) -> Vec<(&str, &Value)> {
    let tensors = report["tensors"].as_array().unwrap().iter();
    let differ = tensors.filter(|tensor| tensor["status"] != "same");
    differ
        .map(|tensor| (tensor["role"].as_str().unwrap(), tensor))
        .collect()
}

/// A copy of a file with other tensors in the place of each.
fn rewritten(
    folder: &Path,
    from: &str,
    to: &str,
    tensors: impl Fn(&TensorEntry, &[u8]) -> Vec<(TensorEntry, Vec<u8>)>,
) {
    let file = ModelFile::open(folder.join(from)).unwrap();
    let model = file.model();
    let manifest = model.manifest().clone();
    let mut writer = ModelWriter::new(
        manifest.encoder,
        manifest.preprocess,
        manifest.codebook,
        manifest.acceptance,
        manifest.provenance,
    );
    writer.ranges(manifest.ranges);
    for view in model.tensors() {
        for (entry, bytes) in tensors(view.entry, view.bytes) {
            writer.tensor(entry.role, entry.dtype, entry.layout, &entry.shape, bytes);
        }
    }
    write_atomically(folder.join(to), &writer.finish().unwrap()).unwrap();
}

/// The first layer of the MLP of the fixture's only block.
const FC1: fn(LinearPart) -> TensorRole = |part| TensorRole::Block {
    layer: 0,
    tensor: BlockTensor::Fc1(part),
};

#[test]
fn equal_files_are_equal_whatever_they_are_called() {
    let folder = folder();
    let folder = folder.path();
    fs::copy(folder.join("tiny.mim"), folder.join("copy.mim")).unwrap();
    let report = json(folder, &["diff", "tiny.mim", "copy.mim"]);
    assert_eq!(report["equal"], true);
    assert_eq!(report["fields"].as_array().unwrap().len(), 0);
    let run = mimlet(folder, &["diff", "tiny.mim", "copy.mim"]);
    assert_eq!(
        (run.code, &*run.stdout),
        (0, "tiny.mim and copy.mim are equal\n")
    );
    // Rewriting what is the same gives the same file: the test below changes nothing else.
    rewritten(folder, "tiny.mim", "again.mim", |entry, bytes| {
        vec![(entry.clone(), bytes.to_vec())]
    });
    assert_eq!(
        json(folder, &["diff", "tiny.mim", "again.mim"])["equal"],
        true
    );
}

#[test]
fn one_flipped_weight_is_found_and_measured() {
    let folder = folder();
    let folder = folder.path();
    let role = "blocks.0.mlp.fc1.weight";
    rewritten(folder, "plain.mim", "flipped.mim", |entry, bytes| {
        let mut bytes = bytes.to_vec();
        if entry.role == FC1(LinearPart::Weight) {
            // The sign of the first value, row 0 and column 0.
            bytes[3] ^= 0x80;
        }
        vec![(entry.clone(), bytes)]
    });
    let report = different(folder, "plain.mim", "flipped.mim");
    assert_eq!(report["fields"].as_array().unwrap().len(), 0);
    let changed = changed(&report);
    assert_eq!(changed.len(), 1, "{changed:?}");
    let (found, tensor) = changed[0];
    assert_eq!((found, &tensor["status"]), (role, &Value::from("changed")));
    let inspected = json(folder, &["inspect", "plain.mim"]);
    let largest = inspected["tensors"].as_array().unwrap().iter();
    let largest = largest.filter(|tensor| tensor["role"] == role);
    let largest = largest
        .map(|tensor| tensor["range"]["max"].as_f64().unwrap())
        .next()
        .unwrap();
    let change = tensor["max_change"].as_f64().unwrap();
    assert!(change > 0.0 && change <= 2.0 * largest + 1e-6, "{change}");
    assert!(tensor["snr_db"].as_f64().unwrap() > 10.0);
    let lowest = report["outputs"]["patch_cosine"]["min"].as_f64().unwrap();
    assert!(lowest < 1.0 && lowest > 0.9, "{lowest}");
    assert!(
        report["outputs"]["tokens"].is_null(),
        "there is no codebook"
    );
}

#[test]
fn bytes_are_compared_with_floats_by_value() {
    let folder = folder();
    let folder = folder.path();
    let export = [
        "export",
        "tiny.safetensors",
        "--heads",
        "2",
        "--scheme",
        "int8",
    ];
    let data = ["--calibrate", "photos", "-o", "int8.mim"];
    json(folder, &[&export[..], &data].concat());
    let report = different(folder, "plain.mim", "int8.mim");
    for (role, tensor) in changed(&report) {
        let expected = match (role.ends_with("scale"), role.ends_with("weight")) {
            (true, _) => "only-in-b",
            (_, true) if tensor["a"]["shape"].as_array().unwrap().len() == 2 => "retyped",
            _ => "changed",
        };
        assert_eq!(tensor["status"], expected, "{role}");
        if expected == "retyped" {
            let snr = tensor["snr_db"].as_f64().unwrap();
            // Bytes leave 27 dB where migration has spent weights on inputs; factors undone but to
            // an octave leave 13.
            assert!(
                snr > 20.0,
                "{role}: {snr} dB; channel factors are not undone"
            );
        }
    }
    let retyped = changed(&report)
        .into_iter()
        .filter(|(_, tensor)| tensor["status"] == "retyped");
    assert_eq!(retyped.count(), 5, "four layers and the patch embedding");
    let outputs = &report["outputs"];
    assert!(outputs["class_cosine"]["min"].as_f64().unwrap() > 0.999);
    assert!(outputs["class_cosine"]["min"].as_f64().unwrap() < 1.0);
    // Photos are run as golden images are.
    let run = mimlet(
        folder,
        &[
            "diff",
            "plain.mim",
            "int8.mim",
            "--data",
            "photos",
            "--json",
        ],
    );
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["outputs"]["images"], 12);
    assert_eq!(report["outputs"]["images_of"], "photos");
}

/// Rows of the first layer of the MLP.
const ROWS: usize = 2 * DIM;

/// The first layer of the MLP in 4 bits and group scales, as `entry` is stored otherwise.
fn in_four_bits(entry: &TensorEntry, values: &[i8], scales: &[u16]) -> Vec<(TensorEntry, Vec<u8>)> {
    let mut packed = vec![0_u8; panel::len16x8(ROWS, DIM)];
    panel::pack16x8(ROWS, DIM, values, &mut packed);
    let mut packed_scales = vec![0_u16; panel::len16(ROWS, 1)];
    panel::pack16(ROWS, 1, scales, &mut packed_scales);
    let weight = TensorEntry {
        dtype: DType::I4,
        layout: Layout::Panel16x8,
        ..entry.clone()
    };
    let scale = TensorEntry {
        role: FC1(LinearPart::Scale),
        dtype: DType::F16,
        layout: Layout::Panel16,
        shape: vec![ROWS as u32, 1],
        ..entry.clone()
    };
    let scales = packed_scales.iter().flat_map(|bits| bits.to_le_bytes());
    vec![(weight, packed), (scale, scales.collect())]
}

#[test]
fn four_bits_are_read_in_their_own_order_with_the_scales_of_their_rows() {
    let folder = folder();
    let folder = folder.path();
    let values: Vec<i8> = (0..ROWS * DIM).map(|at| (at * 7 % 16) as i8 - 8).collect();
    // Row by row 1, 1/2, 1/4 and again: in f16, an exponent less each time.
    let scales: Vec<u16> = (0..ROWS as u16)
        .map(|row| 0x3c00 - ((row % 3) << 10))
        .collect();
    let mut floats = vec![0.0_f32; panel::len16(ROWS, DIM)];
    let products = values.iter().enumerate();
    let products = products.map(|(at, &q)| f32::from(q) * 0.5_f32.powi((at / DIM) as i32 % 3));
    panel::pack16(ROWS, DIM, &products.collect::<Vec<_>>(), &mut floats);
    let write = |to: &str, four_bits: bool| {
        rewritten(folder, "plain.mim", to, |entry, bytes| {
            if entry.role != FC1(LinearPart::Weight) {
                return vec![(entry.clone(), bytes.to_vec())];
            }
            if four_bits {
                return in_four_bits(entry, &values, &scales);
            }
            let bytes = floats.iter().flat_map(|value| value.to_le_bytes());
            vec![(entry.clone(), bytes.collect())]
        });
    };
    write("floats.mim", false);
    write("four.mim", true);
    let report = different(folder, "floats.mim", "four.mim");
    let changed = changed(&report);
    let (_, weight) = changed[0];
    assert_eq!(weight["status"], "retyped");
    assert_eq!(weight["b"]["dtype"], "i4");
    assert!(weight["snr_db"].is_null(), "the same values: {weight}");
    assert_eq!(weight["max_change"], 0.0);
    assert_eq!(changed[1].1["status"], "only-in-b");
    let inspected = json(folder, &["inspect", "four.mim"]);
    let mut tensors = inspected["tensors"].as_array().unwrap().iter();
    let weight = tensors.find(|tensor| tensor["dtype"] == "i4").unwrap();
    assert_eq!(weight["range"]["scale"], serde_json::json!([0.25, 1.0]));
    assert_eq!(weight["range"]["min"], -8.0);
}

#[test]
fn another_codebook_moves_tokens_and_nothing_else() {
    let folder = folder();
    let folder = folder.path();
    fs::write(folder.join("other.safetensors"), codebook(7)).unwrap();
    let export = [
        "export",
        "tiny.safetensors",
        "--heads",
        "2",
        "--scheme",
        "f16",
    ];
    let data = [
        "--calibrate",
        "photos",
        "--codebook",
        "other.safetensors",
        "-o",
        "other.mim",
    ];
    json(folder, &[&export[..], &data].concat());
    let report = different(folder, "tiny.mim", "other.mim");
    let roles: Vec<&str> = changed(&report).into_iter().map(|(role, _)| role).collect();
    assert_eq!(
        roles,
        ["codebook.centroids", "golden.tokens", "golden.margins"]
    );
    let outputs = &report["outputs"];
    assert_eq!(outputs["class_cosine"]["min"], 1.0);
    assert_eq!(outputs["tokens"]["same_codebook"], false);
    assert!(outputs["tokens"]["agreement"].as_f64().unwrap() < 1.0);
    // Without a codebook there is nothing to compare.
    let report = different(folder, "tiny.mim", "plain.mim");
    assert!(report["outputs"]["tokens"].is_null());
    let fields = report["fields"].as_array().unwrap().iter();
    let fields: Vec<&str> = fields
        .map(|field| field["field"].as_str().unwrap())
        .collect();
    assert!(fields.contains(&"codebook.size"), "{fields:?}");
}

#[test]
fn models_of_other_shapes_are_compared_as_far_as_they_go() {
    let folder = folder();
    let folder = folder.path();
    let new = [
        "new",
        "--arch",
        "vit-tiny-16",
        "--codebook",
        "0",
        "--seed",
        "3",
    ];
    json(
        folder,
        &[&new[..], &["--image-size", "32", "-o", "a.mim"]].concat(),
    );
    json(
        folder,
        &[&new[..], &["--image-size", "48", "-o", "b.mim"]].concat(),
    );
    let report = different(folder, "tiny.mim", "a.mim");
    assert!(report["outputs"].is_null());
    let reason = report["no_outputs"].as_str().unwrap();
    assert_eq!(reason, "features are 16 wide in A, 192 in B");
    let qkv = changed(&report)
        .into_iter()
        .find(|(role, _)| *role == "blocks.0.attn.qkv.weight");
    assert_eq!(qkv.unwrap().1["status"], "reshaped");
    // The same width on another grid: class features can be compared on photos.
    let report = different(folder, "a.mim", "b.mim");
    assert!(report["no_outputs"].as_str().unwrap().contains("--data"));
    let run = mimlet(
        folder,
        &["diff", "a.mim", "b.mim", "--data", "photos", "--json"],
    );
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(
        report["outputs"]["class_cosine"]["median"]
            .as_f64()
            .is_some()
    );
    assert!(report["outputs"]["patch_cosine"].is_null());
}

#[test]
fn a_difference_is_shown_as_it_was_read_and_committed() {
    let folder = folder();
    let run = mimlet(folder.path(), &["diff", "plain.mim", "tiny.mim"]);
    assert_eq!((run.code, &*run.stderr), (1, ""));
    same_as_committed("diff", &run.stdout);
}

#[test]
fn what_cannot_be_compared_is_an_error() {
    let folder = folder();
    for (arguments, mention) in [
        (["tiny.mim", "nowhere.mim"], "nowhere.mim"),
        (["photos", "tiny.mim"], "photos"),
    ] {
        refused(
            folder.path(),
            &[&["diff"][..], &arguments].concat(),
            &[mention],
        );
    }
    let data = ["diff", "tiny.mim", "plain.mim", "--data", "nowhere"];
    refused(folder.path(), &data, &["nowhere"]);
}
