//! Processes that `mpirun` starts: their sums, and that none is left hanging.
//!
//! `MIMLET_MPI=skip` leaves these tests out.

use std::path::Path;
use std::process::{Command, Output};

use mimlet_train::collective::CHUNK;
use safetensors::SafeTensors;

const PROGRAM: &str = env!("CARGO_BIN_EXE_mimlet-train");

/// Runs `mpirun` with `words`, in which `@` is the program. `None` where MPI is skipped aloud.
fn mpirun(words: &str) -> Option<Output> {
    if std::env::var_os("MIMLET_MPI").is_some_and(|value| value == "skip") {
        eprintln!("skipped: MIMLET_MPI=skip");
        return None;
    }
    let mut command = Command::new("mpirun");
    // Continuous integration runs as root, with fewer cores than processes, without a network.
    command
        .args(["--allow-run-as-root", "--oversubscribe"])
        .args(["--mca", "btl", "self,vader", "--mca", "plm", "isolated"])
        .args(words.split_whitespace().map(|word| match word {
            "@" => PROGRAM,
            word => word,
        }));
    let output = command.output();
    Some(output.expect("mpirun: `cargo xtask setup` installs it; MIMLET_MPI=skip goes without"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn sums_and_broadcasts_of_two_and_three_processes_are_exact() {
    for processes in [2, 3] {
        // One value more than two chunks.
        let values = 2 * CHUNK + 1;
        let line = format!("-n {processes} @ processes --json --values {values}");
        let Some(output) = mpirun(&line) else {
            return;
        };
        let errors = text(&output.stderr);
        assert!(output.status.success(), "{line}: {errors}");
        let report = text(&output.stdout);
        assert_eq!(report.lines().count(), 1, "only process 0 prints: {report}");
        let start = format!("{{\"processes\":{processes},\"values\":{values},");
        assert!(report.starts_with(&start), "{report}");
    }
}

#[test]
fn a_process_that_fails_ends_the_others() {
    let Some(output) = mpirun("-n 3 @ processes --values 10 --fail 1") else {
        return;
    };
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    let line = "mimlet-train: process 1 of 3: processes: failed as --fail asked";
    assert!(errors.contains(line), "{errors}");
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn processes_that_differ_are_told_so() {
    let Some(output) = mpirun("-n 1 @ processes --values 5 : -n 1 @ processes --values 7") else {
        return;
    };
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("of 5 to 7 values"), "{errors}");
}

/// The floats of a checkpoint by name, without the biases of the keys, the middle of the three in
/// a qkv bias: softmax does not see them, so their gradients are rounding noise, of which AdamW
/// makes whole steps.
fn weights(path: &Path) -> Vec<(String, Vec<f32>)> {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors: Vec<_> = file
        .tensors()
        .into_iter()
        .filter(|(name, _)| !name.starts_with("optim."))
        .map(|(name, view)| {
            let words = view.data().chunks_exact(4);
            let mut values: Vec<f32> = words
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect();
            if name.ends_with("attn.qkv.bias") {
                let third = values.len() / 3;
                values.drain(third..2 * third);
            }
            (name, values)
        })
        .collect();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    tensors
}

#[test]
fn two_processes_train_what_one_trains() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("run.toml"), include_str!("tiny_run.toml")).unwrap();
    let line = |out: &str| {
        format!(
            "@ pretrain --config {} --device cpu --stop-after 12 --out {}",
            at("run.toml"),
            at(out)
        )
    };
    for (processes, out) in [(1, "one"), (2, "two")] {
        let Some(output) = mpirun(&format!("-n {processes} {}", line(out))) else {
            return;
        };
        let errors = text(&output.stderr);
        assert!(output.status.success(), "{errors}");
    }
    let checkpoint = |out: &str| weights(&folder.path().join(out).join("checkpoint.safetensors"));
    let (one, two) = (checkpoint("one"), checkpoint("two"));
    assert_eq!(one.len(), two.len());
    for ((name, one), (other, two)) in one.iter().zip(&two) {
        assert_eq!((name, one.len()), (other, two.len()));
        let worst = one.iter().zip(two).map(|(a, b)| (a - b).abs());
        let worst = worst.fold(0.0, f32::max);
        assert!(worst < 1e-5, "{name}: {worst}");
    }
}

#[test]
fn two_processes_count_the_tokens_that_one_counts() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("run.toml"), include_str!("tiny_run.toml")).unwrap();
    let (config, codebook) = (at("run.toml"), at("codebook.safetensors"));
    let line = format!("-n 1 @ codebook --config {config} --device cpu --out {codebook}");
    let Some(output) = mpirun(&line) else {
        return;
    };
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report = |processes: usize| -> serde_json::Value {
        let line = format!("-n {processes} @ tcas --config {config} --device cpu --json");
        let output = mpirun(&format!("{line} --codebook {codebook}")).unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let (one, three) = (report(1), report(3));
    for key in ["tcas", "nmi", "used_tokens", "images"] {
        assert!(!one[key].is_null(), "{key}");
        assert_eq!(one[key], three[key], "{key}");
    }
    assert!(three["shuffled_tcas"].is_null());
}
