//! Data sets as a user hands them to the program.

use std::path::Path;
use std::process::{Command, Output};

const RUN: &str = r#"
[model]
image_size = 32
resize = 32
patch_size = 8
dim = 16
depth = 1
heads = 2
mlp = 32
[decoder]
dim = 16
depth = 1
heads = 2
mlp = 32
[data]
flip = true
shift = 0
crop_scale = [0.2, 1.0]
[codebook]
tokens = 6
images = 30
batch = 64
passes = 1
seed = 1
[train]
seed = 1
steps = 3
batch = 10
blr = 0.01
warmup = 1
weight_decay = 0.05
clip = 1.0
mask_ratio = 0.75
checkpoint_every = 10
log_every = 1
"#;

fn train(folder: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mimlet-train"))
        .current_dir(folder)
        .args(line.split_whitespace())
        .output()
        .unwrap()
}

/// Runs a command that works; returns what it says on stderr.
fn succeed(folder: &Path, line: &str) -> String {
    let output = train(folder, line);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{line}: {errors}");
    errors
}

#[test]
fn shards_are_a_data_set_however_they_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("run.toml"), RUN).unwrap();
    succeed(
        folder,
        "synth --out shards --images 30 --seed 3 --format webdataset",
    );
    let codebook = "codebook --config run.toml --data";
    succeed(folder, &format!("{codebook} shards --out a"));
    let pattern = "shards/shard-{000000..000000}.tar";
    succeed(folder, &format!("{codebook} {pattern} --out b"));
    let bytes = |name: &str| std::fs::read(folder.join(name)).unwrap();
    assert_eq!(bytes("a"), bytes("b"));
    // Half of the images make another codebook, the same half the same one.
    succeed(
        folder,
        &format!("{codebook} shards --split train:0.5 --out c"),
    );
    succeed(
        folder,
        &format!("{codebook} shards --split train:0.5 --out d"),
    );
    assert_ne!(bytes("a"), bytes("c"));
    assert_eq!(bytes("c"), bytes("d"));
}

#[test]
fn worker_count_changes_nothing_in_a_run_on_random_crops() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(folder, "synth --out images --images 30 --seed 3");
    std::fs::write(folder.join("images/star/torn.png"), b"torn").unwrap();
    let mut encoders = Vec::new();
    for workers in [1, 3] {
        let data = format!("[data]\nworkers = {workers}");
        std::fs::write(folder.join("run.toml"), RUN.replace("[data]", &data)).unwrap();
        let line = "pretrain --config run.toml --data images --device cpu --out run";
        let errors = succeed(folder, &format!("{line}{workers}"));
        assert_eq!(
            errors.matches("torn.png").count(),
            1,
            "named once: {errors}"
        );
        let encoder = folder.join(format!("run{workers}/encoder.safetensors"));
        encoders.push(std::fs::read(encoder).unwrap());
    }
    assert!(encoders[0] == encoders[1], "encoders differ");
}

#[test]
fn unpacked_images_are_the_ones_that_were_packed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(folder, "synth --out images --images 30 --seed 3");
    let packed = "unpack --data images --out shards --format webdataset";
    succeed(folder, packed);
    succeed(folder, "unpack --data shards --out back");
    succeed(folder, "unpack --data shards --images 12 --out few");
    let file = |set: &str, name: &str| std::fs::read(folder.join(set).join(name)).ok();
    for name in ["star/00000.png", "star/00002.png", "ring/00001.png"] {
        let original = file("images", name);
        assert!(
            original.is_some() && file("back", name) == original,
            "{name}"
        );
    }
    // Twelve images of ten classes: a second one of two of them.
    let second = |class: &str| folder.join("few").join(class).join("00001.png").is_file();
    let classes = std::fs::read_dir(folder.join("few")).unwrap();
    let names = classes.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| second(name)).count(), 2);
    let line = "unpack --data images --split test:0.5 --images 31 --out more";
    let output = train(folder, line);
    assert_eq!(output.status.code(), Some(2), "there are no 31");
    assert!(!folder.join("more").exists());
}
