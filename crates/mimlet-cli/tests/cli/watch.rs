//! What `watch` sees, prints and leaves behind.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::fixture::{Run, folder, keys, mimlet, refused};

/// 64 x 64 pixels, with a codebook and a drift reference.
const SHAPES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../models/shapes-tiny/shapes-tiny.int8.mim"
);
const CHECK: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../models/shapes-tiny/check"
);
const FRAME: usize = 64 * 64 * 3;

/// Starts `mimlet watch` on raw frames.
fn started(folder: &Path, flags: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_mimlet"))
        .args(["watch", SHAPES, "-", "--backend", "cpu"])
        .args(flags)
        .current_dir(folder)
        .env("COLUMNS", "80")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs `mimlet watch` on raw frames.
fn stream(folder: &Path, frames: &[u8], flags: &[&str]) -> Run {
    let mut child = started(folder, flags);
    // A watch that ends early closes the pipe: what it printed tells why.
    let _ = child.stdin.take().unwrap().write_all(frames);
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Raw frames of the check images, images of all classes in turn.
fn check_frames(count: usize) -> Vec<u8> {
    let mut frames = Vec::new();
    for index in 0..count {
        let classes = fs::read_dir(CHECK).unwrap();
        let mut classes: Vec<_> = classes.map(|entry| entry.unwrap().path()).collect();
        classes.sort();
        let image = format!("{:05}.png", index / classes.len());
        let image = image::open(classes[index % classes.len()].join(image)).unwrap();
        frames.extend(image.to_rgb8().into_raw());
    }
    frames
}

fn events(run: &Run) -> Vec<Value> {
    let lines = run.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events
        .iter()
        .filter(|event| event["event"] == kind)
        .collect()
}

#[test]
fn events_of_a_folder_are_lines_of_json() {
    let folder = folder();
    let folder = folder.path();
    fs::write(folder.join("photos/dark/broken.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    let arguments = ["watch", "tiny.mim", "photos", "--once", "--interval", "1"];
    let run = mimlet(
        folder,
        &[&arguments[..], &["--backend", "cpu", "--json"]].concat(),
    );
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let events = events(&run);
    let frames = of_kind(&events, "frame");
    assert_eq!(frames.len(), 12);
    assert_eq!(
        keys(frames[0]),
        ["class", "encode_ms", "event", "file", "frame", "tokens"]
    );
    assert_eq!(frames[1]["file"], "photos/light/0.png");
    assert_eq!(frames[1]["class"], "light");
    let skipped = of_kind(&events, "skipped");
    assert_eq!(skipped.len(), 1);
    assert_eq!(skipped[0]["file"], "photos/dark/broken.png");
    let summary = events.last().unwrap();
    assert_eq!(
        (&summary["frames"], &summary["skipped"]),
        (&12.into(), &1.into())
    );
    assert_eq!(summary["drift_measured"], false);
    assert!(summary["tcas"].is_f64() && summary["perplexity"].is_f64());
}

#[test]
fn a_stream_has_windows_and_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let flags = [
        "--json",
        "--display",
        "d.png",
        "--layout",
        "mono",
        "--every",
        "2",
    ];
    let run = stream(folder.path(), &check_frames(70), &flags);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let events = events(&run);
    // Of frames 1, 3, 5 and so on.
    let windows = of_kind(&events, "window");
    assert_eq!(windows.len(), 1);
    assert_eq!(windows[0]["frame"], 63);
    assert_eq!(windows[0]["figures"].as_array().unwrap().len(), 4);
    let picture = image::open(folder.path().join("d.png")).unwrap();
    assert_eq!((picture.width(), picture.height()), (128, 64));
}

#[test]
fn black_frames_drift_and_may_fail() {
    let folder = tempfile::tempdir().unwrap();
    let black = vec![0; 32 * FRAME];
    let run = stream(folder.path(), &black, &["--fail-on-drift"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert_eq!(run.stderr, "failed: drift in 1 of 1 windows\n");
    assert!(
        run.stdout.starts_with("window 1, frame 32: DRIFT: "),
        "{}",
        run.stdout
    );
    assert_eq!(stream(folder.path(), &black, &[]).code, 0);
}

#[test]
fn a_cut_frame_ends_it_after_those_before() {
    let folder = tempfile::tempdir().unwrap();
    let run = stream(folder.path(), &vec![9; 2 * FRAME + 7], &["--json"]);
    assert_eq!(run.code, 2);
    let short = format!("stdin: frame 3 is {} bytes short", FRAME - 7);
    assert!(run.stderr.contains(&short), "{}", run.stderr);
    let events = events(&run);
    assert_eq!(of_kind(&events, "frame").len(), 2);
    assert_eq!(events.last().unwrap()["frames"], 2);
}

/// As Ctrl-C does, or a supervisor. The stream stays open, and within a frame: nothing but the signal
/// ends the watch.
#[cfg(unix)]
#[test]
fn an_interrupt_ends_a_stalled_stream_with_the_summary() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--json", "--display", "d.png", "--layout", "mono"];
    let mut child = started(folder.path(), &flags);
    let mut stdin = child.stdin.take().unwrap();
    let mut frames = check_frames(40);
    frames.extend([9; 100]);
    stdin.write_all(&frames).unwrap();

    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("\"frame\":40,") {
        assert!(stdout.read_line(&mut text).unwrap() > 0, "{text}");
    }
    let kill = format!("kill -INT {}", child.id());
    let killed = Command::new("sh").args(["-c", &kill]).status();
    assert!(killed.unwrap().success());
    stdout.read_to_string(&mut text).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(stdin);

    let run = Run {
        code: output.status.code().unwrap(),
        stdout: text,
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert!(run.stdout.ends_with('\n'));
    let events = events(&run);
    assert_eq!(of_kind(&events, "frame").len(), 40);
    let summary = events.last().unwrap();
    assert_eq!(
        (&summary["event"], &summary["frames"], &summary["windows"]),
        (&"summary".into(), &40.into(), &1.into())
    );
    // The picture is whole, and nothing lies beside it.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let picture = image::open(folder.path().join("d.png")).unwrap();
    assert_eq!((picture.width(), picture.height()), (128, 64));
}

#[test]
fn enough_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let run = stream(
        folder.path(),
        &vec![9; 5 * FRAME],
        &["--json", "--frames", "2"],
    );
    assert_eq!(of_kind(&events(&run), "frame").len(), 2);
}

#[test]
fn what_cannot_be_watched_is_refused() {
    let folder = folder();
    fs::create_dir(folder.path().join("empty")).unwrap();
    let cases: [(&[&str], &[&str]); 4] = [
        (&["empty", "--once"], &["empty", "has no images"]),
        (&["missing"], &["missing", "check the path"]),
        (
            &["photos", "--fail-on-drift"],
            &["tiny.mim", "no drift reference", "--calibrate"],
        ),
        (
            &["photos", "--display", "no/d.png"],
            &["no/d.png", "make its folder"],
        ),
    ];
    for (arguments, mentions) in cases {
        refused(
            folder.path(),
            &[&["watch", "tiny.mim"], arguments].concat(),
            mentions,
        );
    }
}

#[test]
fn a_file_without_reference_says_how_to_get_one() {
    let folder = folder();
    let arguments = ["watch", "plain.mim", "photos", "--once", "--backend", "cpu"];
    let run = mimlet(folder.path(), &arguments);
    assert_eq!(run.code, 0);
    assert!(run.stderr.contains("--calibrate DIR"), "{}", run.stderr);
    assert!(run.stdout.contains("not measured"), "{}", run.stdout);
}
