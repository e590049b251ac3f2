//! The keys of every command's JSON: scripts rely on them.

use serde_json::Value;

use crate::fixture::{DIM, PATCHES, folder, json, keys, mimlet};

#[test]
fn export_reports_the_file_and_the_report() {
    let folder = folder();
    let arguments = [
        "export",
        "tiny.safetensors",
        "--heads",
        "2",
        "-o",
        "again.mim",
    ];
    let report = json(folder.path(), &arguments);
    assert_eq!(
        keys(&report),
        ["bytes", "failures", "file", "hash", "passed", "report"]
    );
    assert_eq!(report["report"]["scheme"], "int8");
    let written = std::fs::metadata(folder.path().join("again.mim")).unwrap();
    assert_eq!(report["bytes"], written.len());
}

#[test]
fn new_writes_a_file_that_verifies() {
    let folder = folder();
    let arguments = [
        "new",
        "--arch",
        "vit-tiny-16",
        "--image-size",
        "32",
        "--codebook",
        "8",
        "--seed",
        "3",
        "-o",
        "new.mim",
    ];
    let report = json(folder.path(), &arguments);
    assert_eq!(report["file"], "new.mim");
    assert!(report["bytes"].as_u64().unwrap() > 5_000_000);
    let verdict = json(folder.path(), &["verify", "new.mim", "--backend", "cpu"]);
    assert_eq!(verdict["passed"], true);
}

#[test]
fn inspect_lists_everything() {
    let folder = folder();
    let report = json(folder.path(), &["inspect", "tiny.mim"]);
    let expected = [
        "acceptance",
        "activations",
        "bytes",
        "codebook",
        "config",
        "drift",
        "file",
        "hash",
        "memory",
        "preprocess",
        "provenance",
        "signed_by",
        "targets",
        "tensors",
        "version",
    ];
    assert_eq!(keys(&report), expected);
    assert_eq!(report["config"]["embed_dim"], DIM);
    assert_eq!(report["acceptance"]["class_names"][1], "light");
    let tensors = report["tensors"].as_array().unwrap();
    let expected = [
        "bytes", "dtype", "hash", "layout", "offset", "range", "role", "shape",
    ];
    assert!(tensors.iter().all(|tensor| keys(tensor) == expected));
    let expected = [
        "max",
        "mean_abs",
        "min",
        "not_finite",
        "scale",
        "values",
        "zeros",
    ];
    assert_eq!(keys(&tensors[0]["range"]), expected);
    assert_eq!(tensors[0]["hash"].as_str().unwrap().len(), 64);
    assert_eq!(keys(&report["targets"][0]), ["fits", "name", "refusals"]);
    assert!(
        tensors
            .iter()
            .any(|tensor| tensor["role"] == "blocks.0.attn.qkv.weight")
    );
}

#[test]
fn diff_compares_fields_tensors_and_outputs() {
    let folder = folder();
    let run = mimlet(folder.path(), &["diff", "plain.mim", "tiny.mim", "--json"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let expected = [
        "a",
        "b",
        "equal",
        "fields",
        "no_outputs",
        "outputs",
        "tensors",
    ];
    assert_eq!(keys(&report), expected);
    assert_eq!(keys(&report["a"]), ["bytes", "file", "hash"]);
    assert_eq!(keys(&report["fields"][0]), ["a", "b", "field"]);
    let expected = [
        "a",
        "b",
        "cosine",
        "max_change",
        "rescaled_channels",
        "role",
        "snr_db",
        "status",
    ];
    assert_eq!(keys(&report["tensors"][0]), expected);
    let expected = [
        "class_cosine",
        "images",
        "images_of",
        "patch_cosine",
        "tokens",
    ];
    assert_eq!(keys(&report["outputs"]), expected);
}

#[test]
fn encode_gives_values_or_says_where_they_are() {
    let folder = folder();
    let photo = "photos/dark/0.png";
    let report = json(
        folder.path(),
        &["encode", "tiny.mim", photo, "--backend", "cpu"],
    );
    let expected = [
        "backend", "file", "hash", "images", "output", "shape", "what",
    ];
    assert_eq!(keys(&report), expected);
    assert_eq!(keys(&report["backend"]), ["name", "reason"]);
    assert_eq!(report["what"], "tokens", "the default with a codebook");
    assert_eq!(report["images"][0]["file"], photo);
    assert_eq!(
        report["images"][0]["tokens"].as_array().unwrap().len(),
        PATCHES
    );

    let cls = json(folder.path(), &["encode", "plain.mim", photo]);
    assert_eq!(cls["what"], "cls", "the default without a codebook");
    assert_eq!(cls["images"][0]["cls"].as_array().unwrap().len(), DIM);

    let patches = json(
        folder.path(),
        &["encode", "plain.mim", photo, "--what", "patches"],
    );
    let rows = patches["images"][0]["patches"].as_array().unwrap();
    assert_eq!(
        (rows.len(), rows[0].as_array().unwrap().len()),
        (PATCHES, DIM)
    );

    let written = json(folder.path(), &["encode", "tiny.mim", photo, "-o", "t.npy"]);
    assert_eq!(written["output"], "t.npy");
    assert_eq!(keys(&written["images"][0]), ["file"]);
}

#[test]
fn tcas_has_the_same_keys_from_every_source() {
    let folder = folder();
    let arguments = [
        "tcas",
        "tiny.mim",
        "--data",
        "photos",
        "--counts-out",
        "c.counts",
    ];
    let counted = json(folder.path(), &arguments);
    let expected = [
        "backend",
        "classes",
        "codebook_size",
        "images",
        "max",
        "nmi",
        "passed",
        "patches",
        "shuffled_tcas",
        "tcas",
        "used_tokens",
    ];
    assert_eq!(keys(&counted), expected);
    let merged = json(folder.path(), &["tcas", "merge", "c.counts"]);
    std::fs::write(folder.path().join("r.json"), r#"{"R": [[1, 0], [0, 2]]}"#).unwrap();
    let matrix = json(folder.path(), &["tcas", "--matrix", "r.json"]);
    for report in [merged, matrix] {
        assert_eq!(keys(&report), expected);
        assert!(report["shuffled_tcas"].is_null() && !report["nmi"].is_null());
    }
}

#[test]
fn verify_reports_the_verdict_and_what_was_asked() {
    let folder = folder();
    let report = json(folder.path(), &["verify", "tiny.mim", "--backend", "cpu"]);
    let expected = [
        "backend",
        "cosine",
        "deviation",
        "failures",
        "file",
        "golden_images",
        "golden_tcas",
        "hash",
        "max_deviation",
        "mean_cosine",
        "near_tie_flips",
        "passed",
        "signature",
        "thresholds",
        "token_agreement",
        "wide_margin_flips",
    ];
    assert_eq!(keys(&report), expected);
    assert!(report["signature"].is_null());
    assert_eq!(report["passed"], true);

    let report = json(folder.path(), &["verify", "tiny.mim"]);
    assert_eq!(report["passed"], true);
    let ladder = report["ladder"].as_array().unwrap();
    let kept: Vec<_> = ladder.iter().filter(|rung| rung["kept"] == true).collect();
    assert_eq!(kept.len(), 1, "{report}");
    assert_eq!(kept[0]["name"], report["backend"]["name"]);
    assert!(kept[0]["median_ms"].as_f64().unwrap() > 0.0);
    let expected = ["kept", "median_ms", "name", "outcome", "passed"];
    assert_eq!(keys(kept[0]), expected);
}

#[test]
fn bench_reports_latency_and_memory() {
    let folder = folder();
    let arguments = [
        "bench",
        "tiny.mim",
        "--backend",
        "cpu",
        "--runs",
        "20",
        "--threads",
        "1",
    ];
    let report = json(folder.path(), &arguments);
    let expected = [
        "activation_bytes",
        "backend",
        "batch",
        "failures",
        "file",
        "first_ms",
        "hash",
        "load_ms",
        "max_ms",
        "min_ms",
        "p50_ms",
        "p90_ms",
        "p99_ms",
        "passed",
        "peak_bytes",
        "planned_bytes",
        "profile",
        "runs",
        "sustained",
        "verdict",
        "weight_bytes",
    ];
    assert_eq!(keys(&report), expected);
    assert_eq!(report["runs"], 20);
    assert!(report["sustained"].is_null() && report["profile"].is_null());
    assert!(report["batch"].is_null());
    assert!(report["peak_bytes"].is_null() || report["peak_bytes"].as_u64().unwrap() > 1 << 20);
    assert!(
        report["backend"]["name"]
            .as_str()
            .unwrap()
            .ends_with("1 thread")
    );

    let arguments = ["bench", "tiny.mim", "--backend", "cpu", "--seconds", "1"];
    let sustained = json(folder.path(), &arguments);
    let expected = ["first_p50_ms", "last_p50_ms", "slowdown", "window_s"];
    assert_eq!(keys(&sustained["sustained"]), expected);

    // More at once than there are golden images, and a number that does not divide theirs.
    for images in ["3", "200"] {
        let arguments = [
            "bench",
            "tiny.mim",
            "--backend",
            "cpu",
            "--runs",
            "2",
            "--batch",
            images,
        ];
        let report = json(folder.path(), &arguments);
        let expected = ["image_ms", "images", "images_per_second"];
        assert_eq!(keys(&report["batch"]), expected);
        assert_eq!(report["batch"]["images"].to_string(), images);
        assert_eq!(report["passed"], true);
        let of = |key: &str| report[key].as_f64().unwrap();
        let an_image = report["batch"]["image_ms"].as_f64().unwrap();
        assert!((an_image * images.parse::<f64>().unwrap() / of("p50_ms") - 1.0).abs() < 1e-9);
    }
}

#[test]
fn devices_lists_adapters_and_targets() {
    let folder = folder();
    let report = json(folder.path(), &["devices"]);
    assert_eq!(keys(&report), ["adapters", "cpu", "gpu_support", "targets"]);
    assert_eq!(
        keys(&report["cpu"]),
        ["level", "ram_bytes", "simd", "threads"]
    );
    let expected = ["cpu_lacks", "fits", "gpu_lacks", "name", "summary"];
    assert_eq!(keys(&report["targets"][0]), expected);
    let expected = [
        "driver",
        "driver_info",
        "features",
        "interface",
        "kind",
        "limits",
        "name",
        "targets",
    ];
    for adapter in report["adapters"].as_array().unwrap() {
        assert_eq!(keys(adapter), expected);
    }
    assert!(report["targets"].as_array().unwrap().len() > 3);
}

#[cfg(feature = "demo")]
#[test]
fn demo_runs_from_any_folder_and_draws() {
    let folder = tempfile::tempdir().unwrap();
    let report = json(folder.path(), &["demo", "--out", "map.png"]);
    let expected = [
        "backends",
        "classes",
        "codebook_size",
        "images",
        "model",
        "nmi",
        "passed",
        "picture",
        "shuffled_tcas",
        "tcas",
        "used_tokens",
    ];
    assert_eq!(keys(&report), expected);
    let expected = [
        "device",
        "error",
        "kind",
        "latency",
        "name",
        "passed",
        "same_tokens_as_cpu",
        "tcas",
        "verdict",
    ];
    let backends = report["backends"].as_array().unwrap();
    assert!(backends.iter().all(|backend| keys(backend) == expected));
    assert_eq!(backends[0]["kind"], "cpu");
    let (tcas, shuffled) = (&report["tcas"], &report["shuffled_tcas"]);
    assert!(
        tcas.as_f64().unwrap() < 0.9 * shuffled.as_f64().unwrap(),
        "{tcas} {shuffled}"
    );
    let picture = image::open(folder.path().join("map.png")).unwrap();
    assert!(picture.width() > 800 && picture.height() > 600);
}
