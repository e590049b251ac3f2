//! A tiny model, its images, and the binary run on them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use safetensors::tensor::{Dtype, TensorView, serialize};
use serde_json::Value;
use tempfile::TempDir;

/// Side of the tiny model's input, pixels; its patches are 8 x 8.
pub(crate) const SIDE: u32 = 16;
/// Width of its features.
pub(crate) const DIM: usize = 16;
/// Patches of an image.
pub(crate) const PATCHES: usize = 4;

/// A run of the binary.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `mimlet` in a folder.
pub(crate) fn mimlet(folder: &Path, arguments: &[&str]) -> Run {
    mimlet_at(folder, arguments, None)
}

/// Runs `mimlet` in a folder with a SIMD level forced.
pub(crate) fn mimlet_at(folder: &Path, arguments: &[&str], level: Option<&str>) -> Run {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_mimlet"))
        .args(arguments)
        .envs(level.map(|level| ("MIMLET_SIMD", level)))
        .current_dir(folder)
        // What is printed depends on neither the terminal nor its width.
        .env("COLUMNS", "80")
        // Without it a Vulkan layer of Mesa complains on stderr.
        .env("XDG_RUNTIME_DIR", folder)
        // Verdicts and choices of this build stay out of the user's, and out of the folders that are
        // looked at for files left behind.
        .env("MIMLET_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"))
        .output()
        .expect("the binary starts");
    Run {
        code: output.status.code().expect("the binary was not killed"),
        stdout: String::from_utf8(output.stdout).expect("stdout is text"),
        stderr: String::from_utf8(output.stderr).expect("stderr is text"),
    }
}

/// Runs `mimlet ... --json` on the CPU's behalf: good, with one object on stdout and nothing else.
pub(crate) fn json(folder: &Path, arguments: &[&str]) -> Value {
    let run = mimlet(folder, &[arguments, &["--json"]].concat());
    assert_eq!(run.code, 0, "{arguments:?}: {}", run.stderr);
    assert_eq!(run.stderr, "", "{arguments:?}");
    serde_json::from_str(&run.stdout).expect("stdout is one JSON object")
}

/// Asserts bad input: exit code 2, nothing on stdout, one line on stderr that holds each of
/// `mentions`, and no new file.
pub(crate) fn refused(folder: &Path, arguments: &[&str], mentions: &[&str]) {
    let before = files(folder);
    let run = mimlet(folder, arguments);
    assert_eq!(run.code, 2, "{arguments:?}: {}{}", run.stdout, run.stderr);
    assert_eq!(run.stdout, "", "{arguments:?}");
    assert_eq!(
        run.stderr.lines().count(),
        1,
        "{arguments:?}: {}",
        run.stderr
    );
    assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
    for mention in mentions {
        assert!(
            run.stderr.contains(mention),
            "{mention:?} not in {}",
            run.stderr
        );
    }
    assert_eq!(files(folder), before, "{arguments:?} left a file behind");
}

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path);
        }
    }
    found
}

/// A folder of one test's own with `tiny.mim` (f16, with a codebook), `plain.mim` (f32, without),
/// the checkpoints they are made of, and `photos/{dark,light}/*.png`.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(made().path(), folder.path());
    folder
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn made() -> &'static TempDir {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    MADE.get_or_init(|| {
        let made = tempfile::tempdir().unwrap();
        let folder = made.path();
        write_photos(&folder.join("photos"));
        fs::write(folder.join("tiny.safetensors"), checkpoint()).unwrap();
        fs::write(folder.join("codebook.safetensors"), codebook(99)).unwrap();
        let common = [
            "export",
            "tiny.safetensors",
            "--heads",
            "2",
            "--calibrate",
            "photos",
        ];
        let tiny = [
            "--scheme",
            "f16",
            "--codebook",
            "codebook.safetensors",
            "-o",
            "tiny.mim",
        ];
        json(folder, &[&common[..], &tiny].concat());
        let plain = ["--scheme", "f32", "-o", "plain.mim"];
        json(folder, &[&common[..], &plain].concat());
        made
    })
}

/// Six photos of two classes that differ in brightness, larger than the input.
fn write_photos(folder: &Path) {
    for (class, base) in [("dark", 20u8), ("light", 180)] {
        fs::create_dir_all(folder.join(class)).unwrap();
        for index in 0..6u8 {
            let photo = image::RgbImage::from_fn(40, 30, |x, y| {
                let wave = ((x as u8).wrapping_mul(3 + index)) ^ ((y as u8).wrapping_mul(5));
                image::Rgb([
                    base + wave % 60,
                    base + index * 8,
                    base + (x + y) as u8 % 70,
                ])
            });
            photo
                .save(folder.join(class).join(format!("{index}.png")))
                .unwrap();
        }
    }
}

/// Numbers of about `scale`, the same on every run.
fn numbers(seed: u64, count: usize, scale: f32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next() * scale).collect()
}

/// A ViT of one block with timm's names.
fn checkpoint() -> Vec<u8> {
    let (dim, hidden) = (DIM, 2 * DIM);
    let tensors: Vec<(&str, Vec<usize>, f32)> = vec![
        ("cls_token", vec![1, 1, dim], 0.1),
        ("pos_embed", vec![1, 1 + PATCHES, dim], 0.3),
        ("patch_embed.proj.weight", vec![dim, 3, 8, 8], 0.1),
        ("patch_embed.proj.bias", vec![dim], 0.1),
        ("blocks.0.norm1.weight", vec![dim], 1.0),
        ("blocks.0.norm1.bias", vec![dim], 0.1),
        ("blocks.0.attn.qkv.weight", vec![3 * dim, dim], 0.3),
        ("blocks.0.attn.qkv.bias", vec![3 * dim], 0.1),
        ("blocks.0.attn.proj.weight", vec![dim, dim], 0.3),
        ("blocks.0.attn.proj.bias", vec![dim], 0.1),
        ("blocks.0.norm2.weight", vec![dim], 1.0),
        ("blocks.0.norm2.bias", vec![dim], 0.1),
        ("blocks.0.mlp.fc1.weight", vec![hidden, dim], 0.3),
        ("blocks.0.mlp.fc1.bias", vec![hidden], 0.1),
        ("blocks.0.mlp.fc2.weight", vec![dim, hidden], 0.3),
        ("blocks.0.mlp.fc2.bias", vec![dim], 0.1),
        ("norm.weight", vec![dim], 1.0),
        ("norm.bias", vec![dim], 0.1),
    ];
    let data: Vec<Vec<u8>> = (1..)
        .zip(&tensors)
        .map(|(seed, (_, shape, scale))| bytes(&numbers(seed, shape.iter().product(), *scale)))
        .collect();
    let views = tensors.iter().zip(&data).map(|((name, shape, _), data)| {
        (
            *name,
            TensorView::new(Dtype::F32, shape.clone(), data).unwrap(),
        )
    });
    serialize(views, None).unwrap()
}

/// Five centroids over the features, other ones for each seed.
pub(crate) fn codebook(seed: u64) -> Vec<u8> {
    let data = bytes(&numbers(seed, 5 * DIM, 1.0));
    let view = TensorView::new(Dtype::F32, vec![5, DIM], &data).unwrap();
    let metadata = [("space".to_string(), "features".to_string())].into();
    serialize([("centers", view)], Some(metadata)).unwrap()
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// The keys of a JSON object, sorted.
pub(crate) fn keys(value: &Value) -> Vec<&str> {
    let object = value.as_object().expect("an object");
    let mut keys: Vec<&str> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}
