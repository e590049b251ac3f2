//! Sweeps: what they leave behind, and what is picked from it.

use crate::evidence::{lenient, options, parts};
use crate::well_formed::check;
use mimlet_export::sweep::{Bounds, Candidate, Point, Preference, Sweep, pick, read_sweep, sweep};
use mimlet_format::{ModelFile, Scheme, Thresholds};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Sweeps timm's model.
fn swept(folder: &Path, candidates: &[Candidate], thresholds: Thresholds) -> Sweep {
    let (mut model, codebook) = parts();
    model.name = "a <b>/model".to_owned();
    let mut options = options(&model, Scheme::F32);
    options.thresholds = Some(thresholds);
    sweep(&model, Some(&codebook), options, candidates, folder).unwrap()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_refused_candidate_ends_nothing_and_leaves_a_page_but_no_file() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("sweep");
    let candidates = Candidate::named(&["f32".into(), "int8".into()]).unwrap();
    swept(&folder, &candidates, lenient());
    let strict = Thresholds {
        min_cosine: 0.999_999,
        ..lenient()
    };
    // Into the same folder: what int8 left there must go.
    let found = swept(&folder, &candidates, strict);
    let expected = [
        "a--b--model.f32.html",
        "a--b--model.f32.mim",
        "a--b--model.int8.html",
        "pareto.svg",
        "sweep.html",
        "sweep.json",
    ];
    assert_eq!(names(&folder), expected.map(str::to_owned).into());
    let [float, int8] = &found.points[..] else {
        panic!("{found:?}")
    };
    assert!(float.passed && !int8.passed);
    assert!(int8.failures[0].contains("cosine"), "{:?}", int8.failures);
    assert!(int8.latencies.is_empty(), "a latency of wrong outputs");
    assert!(int8.bytes.is_some() && int8.file.is_none() && int8.hash.is_none());
    assert!(float.on_size_front && float.on_latency_front && !int8.on_size_front);
    let latency = float.latencies[0];
    assert!(latency.min_ms > 0.0 && latency.min_ms <= latency.p50_ms);
    assert!(latency.p50_ms <= latency.p90_ms && latency.runs >= 7);
    let opened = float.open(&folder).unwrap();
    assert_eq!(opened.model().bytes().len() as u64, float.bytes.unwrap());

    let read = read_sweep(&folder).unwrap();
    for (read, point) in read.points.iter().zip(&found.points) {
        assert!(read.report.is_none(), "written, not read");
        assert_eq!(
            (&read.name, read.passed, read.bytes, &read.hash, &read.file),
            (
                &point.name,
                point.passed,
                point.bytes,
                &point.hash,
                &point.file
            )
        );
        assert_eq!(read.latencies.len(), point.latencies.len());
    }
    for page in [
        found.to_html(),
        found.to_svg(),
        fs::read_to_string(folder.join("a--b--model.int8.html")).unwrap(),
    ] {
        check(&page).unwrap();
    }
}

#[test]
fn a_folder_of_other_things_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.txt"), "years").unwrap();
    let (model, _) = parts();
    let refuse = |path: &Path| {
        let options = options(&model, Scheme::F32);
        sweep(&model, None, options, &Candidate::all(), path)
            .unwrap_err()
            .to_string()
    };
    assert!(refuse(folder.path()).contains("is not empty"));
    assert!(refuse(&folder.path().join("thesis.txt")).contains("thesis.txt"));
    assert!(refuse(&folder.path().join("not/there")).contains("make the folder above"));
    assert_eq!(names(folder.path()), ["thesis.txt".to_owned()].into());
    assert!(
        read_sweep(folder.path())
            .unwrap_err()
            .to_string()
            .contains("sweep.json")
    );
    assert!(
        Candidate::named(&["int3".into()])
            .unwrap_err()
            .to_string()
            .contains("int8")
    );
}

/// A sweep as if it had been measured: names, bytes, agreement, milliseconds.
fn made_up(points: &[(&str, u64, f64, f64)]) -> Sweep {
    let point = |(name, bytes, agreement, ms): &(&str, u64, f64, f64)| {
        serde_json::json!({
            "name": name, "passed": true, "failures": [], "file": null, "hash": null,
            "page": null, "bytes": bytes, "token_agreement": agreement, "min_cosine": agreement,
            "mean_cosine": agreement, "on_size_front": false, "on_latency_front": false,
            "latencies": [{"threads": 2, "runs": 9, "min_ms": ms, "p50_ms": ms, "p90_ms": ms}],
        })
    };
    let points: Vec<_> = points.iter().map(point).collect();
    let sweep = serde_json::json!({
        "name": "m", "source": "s", "quality": "token_agreement", "points": points,
        "machine": {"processor": null, "level": "l", "threads": 2, "system": "s"},
    });
    serde_json::from_value(sweep).unwrap()
}

#[test]
fn the_point_is_the_best_that_meets_every_bound() {
    let sweep = made_up(&[
        ("f32", 400, 1.0, 4.0),
        ("f16", 200, 0.999, 5.0),
        ("int8", 110, 0.993, 2.0),
        ("int4", 70, 0.962, 3.0),
    ]);
    let chosen = |bounds: Bounds, preference: Option<Preference>| {
        let preference = preference.unwrap_or_else(|| bounds.preference());
        pick(&sweep, &bounds, preference).map(|picked| picked.point.name.clone())
    };
    let agreement = |share| Bounds {
        min_agreement: Some(share),
        ..Bounds::default()
    };
    assert_eq!(chosen(agreement(0.99), None).unwrap(), "int8");
    assert_eq!(chosen(agreement(0.995), None).unwrap(), "f16");
    assert_eq!(
        chosen(agreement(0.995), Some(Preference::Fastest)).unwrap(),
        "f32"
    );
    let budget = Bounds {
        max_bytes: Some(200),
        ..Bounds::default()
    };
    assert_eq!(
        chosen(budget, None).unwrap(),
        "f16",
        "the closest that fits"
    );
    assert_eq!(chosen(budget, Some(Preference::Smallest)).unwrap(), "int4");
    let fast = Bounds {
        max_ms: Some(3.0),
        ..Bounds::default()
    };
    assert_eq!(chosen(fast, None).unwrap(), "int8");
    assert_eq!(chosen(Bounds::default(), None).unwrap(), "int4");
    let impossible = Bounds {
        max_bytes: Some(100),
        ..agreement(0.99)
    };
    assert_eq!(chosen(impossible, None), None);
    let misses: Vec<usize> = sweep
        .points
        .iter()
        .map(|point| impossible.misses(point).len())
        .collect();
    assert_eq!(misses, [1, 1, 1, 1]);
    let not_a_number = Bounds {
        min_cosine: Some(0.5),
        ..Bounds::default()
    };
    let broken = Point {
        min_cosine: None,
        ..sweep.points[0].clone()
    };
    assert_eq!(not_a_number.misses(&broken).len(), 1);
}

#[test]
fn a_file_that_is_not_the_judged_one_is_not_handed_out() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("sweep");
    let candidates = Candidate::named(&["f16".into(), "int8".into()]).unwrap();
    let found = swept(&folder, &candidates, lenient());
    let [half, int8] = &found.points[..] else {
        panic!("{found:?}")
    };
    let path = |point: &Point| folder.join(point.file.as_ref().unwrap());
    fs::copy(path(half), path(int8)).unwrap();
    assert!(
        ModelFile::open(path(int8)).is_ok(),
        "a sound file, but another"
    );
    let error = int8.open(&folder).unwrap_err().to_string();
    assert!(
        error.contains("is not the file the sweep judged"),
        "{error}"
    );
    for name in ["../secret.mim", "/etc/passwd", "a/b.mim", ""] {
        let point = Point {
            file: Some(name.to_owned()),
            ..half.clone()
        };
        let error = point.open(&folder).unwrap_err().to_string();
        assert!(error.contains("no file in its folder"), "{error}");
    }
}
