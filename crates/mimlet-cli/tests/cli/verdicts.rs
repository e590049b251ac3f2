//! Files whose results are wrong: exit code 1, the reason on stderr, no latency.

use mimlet_format::{GoldenTensor, ModelFile, ModelWriter, TensorRole, write_atomically};
use std::path::Path;

use crate::fixture::{folder, mimlet};

/// Rewrites a model with one value of its golden class features changed: a valid file that no
/// backend can satisfy.
fn make_wrong(from: &Path, to: &Path) {
    let file = ModelFile::open(from).unwrap();
    let model = file.model();
    let manifest = model.manifest().clone();
    let mut writer = ModelWriter::new(
        manifest.encoder,
        manifest.preprocess,
        manifest.codebook,
        manifest.acceptance,
        manifest.provenance,
    );
    for tensor in model.tensors() {
        let entry = tensor.entry;
        let mut bytes = tensor.bytes.to_vec();
        if entry.role == TensorRole::Golden(GoldenTensor::ClassFeatures) {
            bytes[..4].copy_from_slice(&100f32.to_le_bytes());
        }
        writer.tensor(entry.role, entry.dtype, entry.layout, &entry.shape, bytes);
    }
    write_atomically(to, &writer.finish().unwrap()).unwrap();
}

#[test]
fn a_wrong_result_fails_verify_and_has_no_latency() {
    let folder = folder();
    let folder = folder.path();
    make_wrong(&folder.join("tiny.mim"), &folder.join("wrong.mim"));
    let verify = mimlet(folder, &["verify", "wrong.mim", "--backend", "cpu"]);
    assert_eq!(verify.code, 1);
    assert!(verify.stdout.contains("FAILED"), "{}", verify.stdout);
    assert!(
        verify
            .stderr
            .starts_with("failed: wrong.mim: lowest feature cosine")
    );
    assert_eq!(verify.stderr.lines().count(), 1);

    let bench = mimlet(
        folder,
        &["bench", "wrong.mim", "--backend", "cpu", "--runs", "3"],
    );
    assert_eq!(bench.code, 1);
    assert!(!bench.stdout.contains(" ms"), "{}", bench.stdout);

    let bench = mimlet(
        folder,
        &[
            "bench",
            "wrong.mim",
            "--backend",
            "cpu",
            "--runs",
            "3",
            "--json",
        ],
    );
    let report: serde_json::Value = serde_json::from_str(&bench.stdout).unwrap();
    assert_eq!((bench.code, &report["passed"]), (1, &false.into()));
    assert!(report.get("p50_ms").is_none() && report.get("first_ms").is_none());
}

#[test]
fn a_model_too_large_for_its_target_is_not_written() {
    let folder = folder();
    // A target of one kilobyte.
    let target = "name = \"crumb\"\nsummary = \"s\"\nsources = [\"s\"]\nmemory_bytes = 1024\nweights = [\"i8\", \"f32\"]\n";
    std::fs::write(folder.path().join("crumb.toml"), target).unwrap();
    let export = [
        "export",
        "tiny.safetensors",
        "--heads",
        "2",
        "--target",
        "crumb.toml",
        "-o",
        "x.mim",
    ];
    let run = mimlet(folder.path(), &export);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("crumb"), "{}", run.stderr);
    assert!(!folder.path().join("x.mim").exists());
}

/// A reader that closes its end, as `head` does, is no failure and no panic.
#[cfg(unix)]
#[test]
fn a_closed_pipe_is_no_panic() {
    use std::process::{Command, Stdio};
    let folder = folder();
    let mut child = Command::new(env!("CARGO_BIN_EXE_mimlet"))
        .args(["inspect", "tiny.mim"])
        .current_dir(folder.path())
        .env("XDG_RUNTIME_DIR", folder.path())
        .env("MIMLET_CACHE", folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}
