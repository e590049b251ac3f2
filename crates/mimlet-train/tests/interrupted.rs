//! A run that is killed at any moment and taken up again ends as if nothing had happened.

use std::path::Path;
use std::process::{Child, Command, Stdio};

const RUN: &str = include_str!("tiny_run.toml");

fn pretrain(folder: &Path, out: &str, resume: bool) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mimlet-train"));
    command
        .current_dir(folder)
        .args([
            "pretrain", "--config", "run.toml", "--device", "cpu", "--out", out,
        ])
        .stdout(Stdio::null());
    if resume {
        command.arg("--resume");
    }
    command.spawn().unwrap()
}

#[test]
fn killed_runs_end_with_the_weights_of_an_unbroken_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("run.toml"), RUN).unwrap();
    assert!(pretrain(folder, "whole", false).wait().unwrap().success());
    let checkpoint = folder.join("broken/checkpoint.safetensors");
    // Kills the run each time it has written a checkpoint: whatever it is at by then, a step or
    // half a picture, is cut off.
    let mut kills = 0;
    let mut seen = None;
    while kills < 3 {
        let mut child = pretrain(folder, "broken", kills > 0);
        let finished = loop {
            if child.try_wait().unwrap().is_some() {
                break true;
            }
            let now = std::fs::metadata(&checkpoint)
                .and_then(|file| file.modified())
                .ok();
            if now.is_some() && now != seen {
                seen = now;
                break false;
            }
            std::thread::yield_now();
        };
        assert!(
            !finished,
            "the run ended before it could be killed {kills} times"
        );
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    assert!(pretrain(folder, "broken", true).wait().unwrap().success());
    let bytes = |path: &str| std::fs::read(folder.join(path)).unwrap();
    for file in ["encoder.safetensors", "checkpoint.safetensors"] {
        assert!(
            bytes(&format!("whole/{file}")) == bytes(&format!("broken/{file}")),
            "{file} differs"
        );
    }
    let steps = |path: &str| -> Vec<u64> {
        let text = String::from_utf8(bytes(path)).unwrap();
        let step = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        text.lines()
            .filter_map(|line| step(line)["step"].as_u64())
            .collect()
    };
    assert_eq!(
        steps("broken/log.jsonl").last(),
        steps("whole/log.jsonl").last()
    );
}
