//! What `mimlet inspect` shows of a file.

use std::path::Path;

use crate::fixture::{folder, json, mimlet, refused};
use crate::snapshot::same_as_committed;

fn shown(folder: &Path, arguments: &[&str]) -> String {
    let run = mimlet(folder, &[&["inspect"], arguments].concat());
    assert_eq!((run.code, &*run.stderr), (0, ""), "{arguments:?}");
    for line in run.stdout.lines() {
        assert!(line.chars().count() <= 80, "wider than asked: {line}");
        assert!(line.is_ascii(), "a pipe is given ASCII: {line}");
    }
    run.stdout
}

#[test]
fn a_file_is_shown_as_it_was_read_and_committed() {
    let folder = folder();
    same_as_committed("inspect", &shown(folder.path(), &["tiny.mim"]));
    let ranges = shown(folder.path(), &["tiny.mim", "--block", "0", "--ranges"]);
    same_as_committed("inspect-ranges", &ranges);
    let hashes = shown(folder.path(), &["tiny.mim", "--block", "0", "--hashes"]);
    same_as_committed("inspect-hashes", &hashes);
}

#[test]
fn blocks_that_are_alike_are_one_until_all_are_asked_for() {
    let folder = folder();
    let new = [
        "new",
        "--arch",
        "vit-tiny-16",
        "--image-size",
        "32",
        "--codebook",
        "0",
    ];
    json(
        folder.path(),
        &[&new[..], &["--seed", "1", "-o", "new.mim"]].concat(),
    );
    let text = shown(folder.path(), &["new.mim"]);
    assert!(text.contains("blocks 0-11, 12 alike"), "{text}");
    assert!(text.contains("12 of 576 x 192"), "{text}");
    assert_eq!(text.matches("attn.qkv.weight").count(), 1);
    let text = shown(folder.path(), &["new.mim", "--all"]);
    assert_eq!(text.matches("attn.qkv.weight").count(), 12);
    let text = shown(folder.path(), &["new.mim", "--block", "7"]);
    assert!(text.contains("block 7"), "{text}");
    assert_eq!(text.matches("attn.qkv.weight").count(), 1);
    assert!(!text.contains("patch_embed"), "{text}");
    refused(
        folder.path(),
        &["inspect", "new.mim", "--block", "12"],
        &["new.mim", "--block 12", "0 to 11"],
    );
}

#[test]
fn ranges_are_those_of_the_dequantised_values() {
    let folder = folder();
    let export = [
        "export",
        "tiny.safetensors",
        "--heads",
        "2",
        "--scheme",
        "int8",
    ];
    json(folder.path(), &[&export[..], &["-o", "int8.mim"]].concat());
    let range = |file: &str, role: &str| {
        let report = json(folder.path(), &["inspect", file]);
        let tensors = report["tensors"].as_array().unwrap().clone();
        let tensor = tensors.into_iter().find(|tensor| tensor["role"] == role);
        tensor.unwrap()["range"].clone()
    };
    // The widest layer of the MLP's second half is not scaled by the quantiser.
    let role = "blocks.0.mlp.fc2.weight";
    let (float, bytes) = (range("plain.mim", role), range("int8.mim", role));
    assert_eq!(float["values"], bytes["values"]);
    assert!(float["scale"].is_null() && bytes["scale"][0].as_f64().unwrap() > 0.0);
    for key in ["min", "max", "mean_abs"] {
        let (float, bytes) = (float[key].as_f64().unwrap(), bytes[key].as_f64().unwrap());
        assert!((float - bytes).abs() < 0.005, "{key}: {float} {bytes}");
    }
}

#[test]
fn targets_that_a_file_does_not_fit_are_named_with_the_limit() {
    let folder = folder();
    let new = [
        "new",
        "--arch",
        "vit-tiny-16",
        "--image-size",
        "32",
        "--codebook",
        "0",
    ];
    json(
        folder.path(),
        &[&new[..], &["--seed", "2", "-o", "new.mim"]].concat(),
    );
    let text = shown(folder.path(), &["new.mim"]);
    assert!(
        text.contains("does not fit  cortex-m7 (flash_bytes)"),
        "{text}"
    );
    let report = json(folder.path(), &["inspect", "new.mim"]);
    let targets = report["targets"].as_array().unwrap();
    let m7 = targets
        .iter()
        .find(|target| target["name"] == "cortex-m7")
        .unwrap();
    assert_eq!(m7["fits"], false);
    assert_eq!(m7["refusals"][0]["limit"], "flash_bytes");
}
