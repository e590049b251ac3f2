//! The codebook command's flags, as a user combines them.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn train(folder: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mimlet-train"))
        .current_dir(folder)
        .args(line.split_whitespace())
        .output()
        .unwrap()
}

/// What a command that works prints with `--json`.
fn report(folder: &Path, line: &str) -> Value {
    let output = train(folder, &format!("{line} --json"));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{line}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A folder with a run's configuration, images and an encoder.
fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let run = include_str!("tiny_run.toml").replace("steps = 60", "steps = 6");
    std::fs::write(folder.path().join("run.toml"), run).unwrap();
    let synth = train(folder.path(), "synth --out images --images 20 --seed 3");
    assert!(synth.status.success());
    let line = "pretrain --config run.toml --data images --out run";
    report(folder.path(), line);
    folder
}

#[test]
fn each_space_makes_tokens_that_can_be_counted() {
    let folder = prepared();
    let folder = folder.path();
    let data = "--config run.toml --data images";
    let encoder = "--encoder run/encoder.safetensors";
    for (flags, teacher, space, tokens) in [
        ("--tokens 5", "", "pixels", 5),
        ("--normalise", "", "pixels", 6),
        ("--algorithm lloyd", "", "pixels", 6),
        ("--space random-projection", "", "random-projection", 6),
        ("--space labels", "", "labels", 10),
        ("--normalise l2", encoder, "features", 6),
        ("--layer 1 --tokens 4", encoder, "features", 4),
    ] {
        let line = format!("codebook {data} {teacher} {flags} --out c");
        let made = report(folder, &line);
        assert_eq!(made["space"], space, "{line}");
        assert_eq!(made["tokens"], tokens, "{line}");
        let counted = report(folder, &format!("tcas {data} {teacher} --codebook c"));
        let used = counted["used_tokens"].as_u64().unwrap();
        assert!((1..=tokens).contains(&used), "{line}: {used} tokens used");
        std::fs::remove_file(folder.join("c")).unwrap();
    }
}

#[test]
fn flags_that_contradict_each_other_are_refused_and_nothing_is_written() {
    let folder = prepared();
    let folder = folder.path();
    for (flags, reason) in [
        ("--space labels --tokens 5", "leave --tokens out"),
        ("--space features", "--encoder"),
        ("--tokens 1", "tokens"),
        ("--layer 9 --encoder run/encoder.safetensors", "layer"),
    ] {
        let line = format!("codebook --config run.toml --data images {flags} --out c");
        let output = train(folder, &line);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}: {errors}");
        assert!(errors.contains(reason), "{line}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{line}: {errors}");
        assert!(!folder.join("c").exists(), "{line}");
    }
}
