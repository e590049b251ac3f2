//! TCAS: scores, bounds and shards.

use std::fs;
use std::path::Path;

use crate::fixture::{folder, json, mimlet};

/// Counts the photos whose names `keep` lets through.
fn count(folder: &Path, data: &str, counts: &str, keep: impl Fn(&str) -> bool) {
    for class in ["dark", "light"] {
        let target = folder.join(data).join(class);
        fs::create_dir_all(&target).unwrap();
        for entry in fs::read_dir(folder.join("photos").join(class)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if keep(name) {
                fs::copy(&path, target.join(name)).unwrap();
            }
        }
    }
    json(
        folder,
        &["tcas", "tiny.mim", "--data", data, "--counts-out", counts],
    );
}

#[test]
fn merged_shards_equal_the_whole() {
    let folder = folder();
    let folder = folder.path();
    count(folder, "first", "first.counts", |name| name < "2");
    count(folder, "second", "second.counts", |name| name >= "2");
    let whole = json(
        folder,
        &[
            "tcas",
            "tiny.mim",
            "--data",
            "photos",
            "--counts-out",
            "all.counts",
        ],
    );
    let arguments = [
        "tcas",
        "merge",
        "second.counts",
        "first.counts",
        "--counts-out",
        "sum.counts",
    ];
    let merged = json(folder, &arguments);
    for key in ["tcas", "nmi", "used_tokens", "patches", "codebook_size"] {
        assert_eq!(merged[key], whole[key], "{key}");
    }
    let [all, sum] = ["all.counts", "sum.counts"].map(|name| fs::read(folder.join(name)).unwrap());
    assert!(all == sum, "the counts themselves differ");
}

#[test]
fn shards_of_other_models_are_refused() {
    let folder = folder();
    let folder = folder.path();
    let export = [
        "export",
        "tiny.safetensors",
        "--heads",
        "4",
        "--scheme",
        "f16",
        "--codebook",
        "codebook.safetensors",
        "-o",
        "other.mim",
    ];
    json(folder, &export);
    for model in ["tiny", "other"] {
        let (file, counts) = (format!("{model}.mim"), format!("{model}.counts"));
        json(
            folder,
            &["tcas", &file, "--data", "photos", "--counts-out", &counts],
        );
    }
    let run = mimlet(folder, &["tcas", "merge", "tiny.counts", "other.counts"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("other.counts: ") && run.stderr.contains("different models"));
}

#[test]
fn the_bound_decides_the_exit_code() {
    let folder = folder();
    let folder = folder.path();
    fs::write(
        folder.join("r.json"),
        r#"{"R": [[8, 0], [3, 0], [0, 5], [0, 7]]}"#,
    )
    .unwrap();
    let score = json(folder, &["tcas", "--matrix", "r.json"]);
    assert_eq!(score["tcas"], 0.25);
    for (max, code, passed) in [("0.25", 0, true), ("0.2499", 1, false), ("1", 0, true)] {
        let run = mimlet(
            folder,
            &["tcas", "--matrix", "r.json", "--max", max, "--json"],
        );
        assert_eq!(run.code, code, "--max {max}");
        let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(report["passed"], passed);
        assert_eq!(run.stderr.contains("above --max"), code == 1);
    }
}

#[test]
fn an_undefined_score_passes_no_bound() {
    let folder = folder();
    fs::write(folder.path().join("r.json"), r#"{"R": [[0, 0]]}"#).unwrap();
    let report = json(folder.path(), &["tcas", "--matrix", "r.json"]);
    assert!(report["tcas"].is_null() && report["nmi"].is_null());
    let run = mimlet(folder.path(), &["tcas", "--matrix", "r.json", "--max", "5"]);
    assert_eq!(run.code, 1);
}
