//! The program as a user meets it: whole chain on a tiny run, and bad input.

use std::path::Path;
use std::process::{Command, Output};

const RUN: &str = r#"
[model]
image_size = 64
resize = 64
patch_size = 16
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
shift = 2
[codebook]
tokens = 6
images = 20
batch = 64
passes = 2
seed = 1
[train]
seed = 1
steps = 4
batch = 10
blr = 0.01
warmup = 2
weight_decay = 0.05
clip = 1.0
mask_ratio = 0.75
checkpoint_every = 2
log_every = 2
"#;

fn train(folder: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mimlet-train"))
        .current_dir(folder)
        .args(line.split_whitespace())
        .output()
        .unwrap()
}

fn succeed(folder: &Path, line: &str) -> String {
    let output = train(folder, line);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{line}: {errors}");
    assert_eq!(errors, "", "no progress bar without a terminal");
    String::from_utf8(output.stdout).unwrap()
}

fn fail(folder: &Path, line: &str, reason: &str) {
    let output = train(folder, line);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{line}: {errors}");
    assert!(errors.contains(reason), "{line}: {errors}");
    assert_eq!(errors.lines().count(), 1, "{line}: {errors}");
}

#[test]
fn from_images_to_alignment() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("run.toml"), RUN).unwrap();
    succeed(folder, "synth --out images --images 20 --seed 3");
    assert!(folder.join("images/star/00001.png").is_file());
    let data = "--config run.toml --data images";
    succeed(folder, &format!("pretrain {data} --out run --stop-after 2"));
    succeed(folder, &format!("pretrain {data} --out run --resume"));
    let log = std::fs::read_to_string(folder.join("run/log.jsonl")).unwrap();
    assert_eq!(log.lines().count(), 2);
    let encoder = "--encoder run/encoder.safetensors";
    succeed(
        folder,
        &format!("codebook {data} {encoder} --out features.safetensors"),
    );
    let line = format!("tcas {data} {encoder} --codebook features.safetensors --json");
    let report: serde_json::Value = serde_json::from_str(&succeed(folder, &line)).unwrap();
    for key in ["tcas", "nmi", "shuffled_tcas"] {
        assert!(
            report[key].as_f64().is_some_and(f64::is_finite),
            "{key} in {report}"
        );
    }
    assert!(
        report["used_tokens"]
            .as_u64()
            .is_some_and(|used| (1..=6).contains(&used))
    );
    // What judges an encoder needs to know its shape and its images.
    let mut sections: toml::Table = RUN.parse().unwrap();
    sections.retain(|name, _| name == "model" || name == "data");
    std::fs::write(folder.join("judge.toml"), sections.to_string()).unwrap();
    let judged = "--config judge.toml --data images";
    let line = format!("pretrain {judged} --out other");
    fail(folder, &line, "judge.toml: no [decoder] section");
    let line = format!("probe {judged} {encoder} --test images --json");
    let report: serde_json::Value = serde_json::from_str(&succeed(folder, &line)).unwrap();
    assert_eq!(report["test_images"], 20);
    let line = format!("knn {data} {encoder} --test images --json");
    let report: serde_json::Value = serde_json::from_str(&succeed(folder, &line)).unwrap();
    // Each image is its own nearest neighbour.
    assert_eq!(report["scores"][0]["k"], 1);
    assert_eq!(report["scores"][0]["score"]["top1"], 1.0);
    let small = RUN.replace("image_size = 64", "image_size = 32");
    std::fs::write(folder.join("small.toml"), small).unwrap();
    let line = format!("codebook --config small.toml --data images {encoder} --out c");
    fail(folder, &line, "image_size is 64");
}

#[test]
fn fine_tuning_with_seeds_leaves_a_folder_for_each() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let finetune = "[finetune]\nsteps = 2\nbatch = 10\nwarmup = 1\n";
    std::fs::write(folder.join("run.toml"), format!("{RUN}{finetune}")).unwrap();
    succeed(folder, "synth --out images --images 20 --seed 3");
    let data = "--config run.toml --data images --test images --out tuned";
    let line = format!("finetune {data} --from-scratch --seeds 1,2 --json");
    let report: serde_json::Value = serde_json::from_str(&succeed(folder, &line)).unwrap();
    assert_eq!(report["accuracy"]["runs"], 2);
    assert_eq!(report["runs"][1]["seed"], 2);
    for seed in ["seed1", "seed2"] {
        let path = folder.join("tuned").join(seed);
        assert!(path.join("finetuned.safetensors").is_file(), "{seed}");
        assert!(path.join("report.json").is_file(), "{seed}");
    }
    let line = format!("finetune {data} --from-scratch --encoder none");
    let output = train(folder, &line);
    assert_eq!(output.status.code(), Some(2));
}

const EXPERIMENT: &str = r#"
[experiment]
name = "tiny"
seeds = [1]
[experiment.images]
pretrain = { path = "images" }
test = { synth = { images = 20, seed = 4 } }
[[experiment.tokenizer]]
kind = "pixels"
[[experiment.tokenizer]]
kind = "features"
teacher = "pixels"
[[experiment.tokenizer]]
kind = "random"
[[experiment.tokenizer]]
kind = "mae"
"#;

#[test]
fn an_experiment_runs_once_and_does_not_depend_on_how_many_cells_run_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("e.toml"), format!("{RUN}{EXPERIMENT}")).unwrap();
    succeed(folder, "synth --out images --images 20 --seed 3");
    let run = |out: &str, flags: &str| -> serde_json::Value {
        let line = format!("compare --config e.toml --out {out} --json {flags}");
        serde_json::from_str(&succeed(folder, &line)).unwrap()
    };
    let first = run("one", "--jobs 1");
    assert_eq!(first["complete"], true);
    assert_eq!(first["cells"].as_array().unwrap().len(), 4);
    assert_eq!(first["table"][3]["tcas"], serde_json::Value::Null);
    assert!(first["table"][1]["tcas"]["mean"].as_f64().is_some());
    assert_eq!(first["differences"][0]["baseline"], "mae");
    let second = run("two", "--jobs 3");
    for part in ["alignment", "loss", "probe", "knn"] {
        for cell in 0..4 {
            let part = |results: &serde_json::Value| results["cells"][cell][part].clone();
            assert_eq!(part(&first), part(&second), "{cell}");
        }
    }
    assert!(!folder.join("one/images").exists());
    fail(folder, "compare --config e.toml --out one", "--resume");
    // A finished cell is not touched, a lost one is run again.
    let kept = folder.join("one/cells/pixels-seed1/cell.json");
    let changed = |path: &Path| std::fs::metadata(path).unwrap().modified().unwrap();
    let before = changed(&kept);
    std::fs::remove_file(folder.join("one/cells/random-seed1/cell.json")).unwrap();
    let again = run("one", "--resume");
    assert_eq!(again["cells"][2]["loss"], first["cells"][2]["loss"]);
    assert_eq!(changed(&kept), before);
    for name in ["results.json", "results.md", "results.csv", "scatter.png"] {
        assert!(folder.join("one").join(name).is_file(), "{name}");
    }
}

#[test]
fn a_cell_that_fails_is_named_and_the_others_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // More centroids than patches: the codebooks fail, pixel regression does not.
    let text = format!("{RUN}{EXPERIMENT}").replace("tokens = 6", "tokens = 6000");
    std::fs::write(folder.join("e.toml"), text).unwrap();
    succeed(folder, "synth --out images --images 20 --seed 3");
    let line = "compare --config e.toml --out out --jobs 2";
    fail(
        folder,
        line,
        "pixels-seed1: configuration: codebook.tokens is 6000",
    );
    let text = std::fs::read_to_string(folder.join("out/results.json")).unwrap();
    let results: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(results["complete"], false);
    let names: Vec<&str> = results["cells"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|cell| cell["tokenizer"].as_str())
        .collect();
    assert_eq!(names, ["random", "mae"]);
}

#[test]
fn bad_input_is_one_line_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("run.toml"), RUN).unwrap();
    std::fs::write(folder.join("typo.toml"), RUN.replace("blr", "lr")).unwrap();
    std::fs::write(
        folder.join("odd.toml"),
        RUN.replace("= 16\ndim", "= 24\ndim"),
    )
    .unwrap();
    fail(folder, "codebook --config none.toml --out c", "none.toml");
    fail(folder, "codebook --config typo.toml --out c", "typo.toml");
    fail(
        folder,
        "codebook --config odd.toml --out c",
        "model.patch_size",
    );
    fail(folder, "codebook --config run.toml --out c", "data.synth");
    fail(
        folder,
        "codebook --config run.toml --data none --out c",
        "none",
    );
    fail(
        folder,
        "pretrain --config run.toml --data none --out o --device tpu",
        "none",
    );
    succeed(folder, "synth --out images --images 10 --seed 3");
    fail(
        folder,
        "synth --out images --images 10 --seed 3",
        "not empty",
    );
    fail(
        folder,
        "pretrain --config run.toml --data images --out o --device tpu",
        "tpu",
    );
    std::fs::write(folder.join("images/star/bad.png"), b"").unwrap();
    fail(
        folder,
        "codebook --config run.toml --data images --out c --max-bad 0",
        "bad.png",
    );
    assert!(!folder.join("c").exists());
}
