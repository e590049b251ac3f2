//! `export --report`, `export --sweep` and `pick`: files left behind, exit codes, JSON.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::fixture::{folder, json, keys, mimlet, refused};

const EXPORT: [&str; 8] = [
    "export",
    "tiny.safetensors",
    "--heads",
    "2",
    "--codebook",
    "codebook.safetensors",
    "--calibrate",
    "photos",
];

fn export(more: &[&'static str]) -> Vec<&'static str> {
    [&EXPORT[..], more].concat()
}

#[test]
fn a_report_is_a_page_and_the_same_as_data() {
    let folder = folder();
    let arguments = export(&[
        "--scheme", "f16", "--report", "r.html", "--report", "r.json", "-o", "o.mim",
    ]);
    let printed = json(folder.path(), &arguments);
    let data = fs::read_to_string(folder.path().join("r.json")).unwrap();
    let mut data: Value = serde_json::from_str(&data).unwrap();
    assert_eq!(data, printed["report"]);
    for key in ["sizes", "layers", "images", "margins", "verdict", "origin"] {
        assert!(!data[key].is_null(), "{key}");
    }
    let page = fs::read_to_string(folder.path().join("r.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("passed its acceptance test"));
    assert!(page.contains(data["hash"].take().as_str().unwrap()));

    let text = mimlet(
        folder.path(),
        &export(&["--report", "s.html", "-o", "s.mim"]),
    );
    assert!(
        text.stdout.contains("bits for each bit stored"),
        "{}",
        text.stdout
    );
    assert!(text.stdout.contains("worst layer"), "{}", text.stdout);
    let arguments = export(&["--report", "r.pdf", "-o", "p.mim"]);
    refused(folder.path(), &arguments, &["r.pdf", ".html or .json"]);
    let arguments = export(&["--report", "no/r.html", "-o", "p.mim"]);
    refused(folder.path(), &arguments, &["no/r.html", "make its folder"]);
}

fn sweep(folder: &Path) -> Value {
    json(folder, &export(&["--sweep=f16,f32", "-o", "swept"]))
}

#[test]
fn a_sweep_leaves_files_pages_and_a_comparison() {
    let folder = folder();
    let folder = folder.path();
    let report = sweep(folder);
    let expected = [
        "folder", "machine", "name", "passed", "points", "quality", "source",
    ];
    assert_eq!(keys(&report), expected);
    assert_eq!(
        (&report["passed"], &report["points"][0]["name"]),
        (&true.into(), &"f32".into())
    );
    let expected = [
        "bytes",
        "failures",
        "file",
        "hash",
        "latencies",
        "mean_cosine",
        "min_cosine",
        "name",
        "on_latency_front",
        "on_size_front",
        "page",
        "passed",
        "report",
        "token_agreement",
    ];
    assert_eq!(keys(&report["points"][0]), expected);
    for name in [
        "sweep.html",
        "sweep.json",
        "pareto.svg",
        "tiny.f32.html",
        "tiny.f16.mim",
    ] {
        assert!(folder.join("swept").join(name).is_file(), "{name}");
    }
}

#[test]
fn a_pick_is_a_copy_or_a_reason() {
    let folder = folder();
    let folder = folder.path();
    sweep(folder);
    let picked = json(
        folder,
        &["pick", "swept", "--min-agreement", "0.9", "-o", "p.mim"],
    );
    let expected = [
        "bytes",
        "file",
        "folder",
        "hash",
        "name",
        "passed_over",
        "reason",
    ];
    assert_eq!(keys(&picked), expected);
    assert_eq!(picked["name"], "f16");
    let copy = fs::read(folder.join("p.mim")).unwrap();
    assert_eq!(copy, fs::read(folder.join("swept/tiny.f16.mim")).unwrap());
    let verdict = json(folder, &["verify", "p.mim", "--backend", "cpu"]);
    assert_eq!(verdict["hash"], picked["hash"]);

    let run = mimlet(folder, &["pick", "swept", "--budget", "1KB", "-o", "q.mim"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(
        run.stderr
            .starts_with("failed: swept: no point meets the bounds"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("at most 1,000 asked for"),
        "{}",
        run.stderr
    );
    assert!(!folder.join("q.mim").exists());
}

#[test]
fn a_sweep_without_a_point_fails_and_says_why() {
    let folder = folder();
    let target = "name = \"crumb\"\nsummary = \"s\"\nsources = [\"s\"]\nmemory_bytes = 1024\nweights = [\"f16\", \"f32\"]\n";
    fs::write(folder.path().join("crumb.toml"), target).unwrap();
    let arguments = export(&["--sweep=f16", "--target", "crumb.toml", "-o", "swept"]);
    let run = mimlet(folder.path(), &arguments);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert_eq!(run.stderr, "failed: swept: none of 1 scheme passes\n");
    assert!(
        run.stdout.contains("f16 refused") && run.stdout.contains("crumb"),
        "{}",
        run.stdout
    );
    let run = mimlet(folder.path(), &["pick", "swept", "-o", "q.mim"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
}

#[test]
fn sweeps_and_picks_that_make_no_sense() {
    let folder = folder();
    let folder = folder.path();
    refused(
        folder,
        &export(&["--sweep=int3", "-o", "swept"]),
        &["--sweep", "int3", "int8"],
    );
    refused(
        folder,
        &export(&["--sweep", "-o", "photos"]),
        &["photos", "new folder"],
    );
    refused(
        folder,
        &["pick", "photos", "-o", "p.mim"],
        &["photos", "sweep.json"],
    );
    fs::create_dir(folder.join("broken")).unwrap();
    fs::write(folder.join("broken/sweep.json"), "{\"name\": 1}").unwrap();
    refused(
        folder,
        &["pick", "broken", "-o", "p.mim"],
        &["broken/sweep.json", "is no sweep"],
    );
    for flags in [
        ["--budget", "many"],
        ["--min-agreement", "99"],
        ["--max-ms", "-1"],
    ] {
        let run = mimlet(
            folder,
            &[&["pick", "broken", "-o", "p.mim"][..], &flags].concat(),
        );
        assert_eq!(run.code, 2, "{flags:?}");
    }
}
