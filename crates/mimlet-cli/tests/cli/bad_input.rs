//! Files, folders and flags that cannot be used: one line, exit code 2, no file.

use std::fs;

use crate::fixture::{files, folder, mimlet, mimlet_at, refused};

const PHOTO: &str = "photos/dark/0.png";

#[test]
fn model_that_is_missing_or_no_model() {
    let folder = folder();
    fs::write(
        folder.path().join("text.mim"),
        "no model at all, but long enough for a header, which is sixty-four bytes",
    )
    .unwrap();
    for command in [
        &["inspect"][..],
        &["verify"],
        &["bench"],
        &["diff", "tiny.mim"],
    ] {
        refused(
            folder.path(),
            &[command, &["nowhere.mim"]].concat(),
            &["nowhere.mim", "read"],
        );
        refused(
            folder.path(),
            &[command, &["photos"]].concat(),
            &["photos", ".mim"],
        );
        refused(
            folder.path(),
            &[command, &["text.mim"]].concat(),
            &["text.mim", "magic"],
        );
    }
}

#[test]
fn model_that_is_cut_short_or_damaged() {
    let folder = folder();
    let whole = fs::read(folder.path().join("tiny.mim")).unwrap();
    for length in [0, 10, 64, whole.len() / 2, whole.len() - 1] {
        fs::write(folder.path().join("cut.mim"), &whole[..length]).unwrap();
        refused(
            folder.path(),
            &["encode", "cut.mim", PHOTO, "-o", "o.npy"],
            &["cut.mim: "],
        );
    }
    let mut damaged = whole.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    fs::write(folder.path().join("damaged.mim"), damaged).unwrap();
    refused(
        folder.path(),
        &["verify", "damaged.mim"],
        &["damaged.mim", "hash"],
    );
}

#[test]
fn output_that_cannot_be_written() {
    let folder = folder();
    let writers: [&[&str]; 4] = [
        &["encode", "tiny.mim", PHOTO, "-o"],
        &["export", "tiny.safetensors", "--heads", "2", "-o"],
        &["new", "--arch", "vit-base-16", "--seed", "1", "-o"],
        &["tcas", "tiny.mim", "--data", "photos", "--counts-out"],
    ];
    for writer in writers {
        for (output, mention) in [
            ("nowhere/out.npy", "folder"),
            ("tiny.mim/out.npy", "is a file"),
            ("photos", "photos"),
        ] {
            refused(
                folder.path(),
                &[writer, &[output]].concat(),
                &[output, mention],
            );
        }
    }
}

#[test]
fn output_of_an_unknown_kind() {
    let folder = folder();
    for output in ["out.txt", "out"] {
        let arguments = ["encode", "tiny.mim", PHOTO, "-o", output];
        refused(
            folder.path(),
            &arguments,
            &[output, ".npy, .safetensors or .json"],
        );
    }
}

#[test]
fn data_folders_without_data() {
    let folder = folder();
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::create_dir_all(folder.path().join("hollow/class")).unwrap();
    for (data, mention) in [
        ("nowhere", "no such"),
        ("empty", "no class folders"),
        ("hollow", "no images"),
        ("tiny.mim", "is a file"),
    ] {
        refused(
            folder.path(),
            &["tcas", "tiny.mim", "--data", data],
            &[data, mention],
        );
        let export = [
            "export",
            "tiny.safetensors",
            "--heads",
            "2",
            "--calibrate",
            data,
            "-o",
            "x.mim",
        ];
        refused(folder.path(), &export, &[data]);
    }
}

#[test]
fn tokens_of_a_model_without_a_codebook() {
    let folder = folder();
    let encode = ["encode", "plain.mim", PHOTO, "--what", "tokens"];
    refused(
        folder.path(),
        &encode,
        &["plain.mim", "no codebook", "--codebook"],
    );
    refused(
        folder.path(),
        &["tcas", "plain.mim", "--data", "photos"],
        &["plain.mim", "no codebook"],
    );
}

#[test]
fn checkpoints_that_are_none() {
    let folder = folder();
    fs::write(folder.path().join("text.safetensors"), "no checkpoint").unwrap();
    let export = |checkpoint| ["export", checkpoint, "--heads", "2", "-o", "x.mim"];
    refused(
        folder.path(),
        &export("nowhere.safetensors"),
        &["nowhere.safetensors"],
    );
    refused(
        folder.path(),
        &export("text.safetensors"),
        &["text.safetensors"],
    );
    refused(
        folder.path(),
        &["export", "tiny.safetensors", "-o", "x.mim"],
        &["heads"],
    );
    let odd = ["export", "tiny.safetensors", "--heads", "3", "-o", "x.mim"];
    refused(folder.path(), &odd, &["num_heads"]);
    let target = [
        "export",
        "tiny.safetensors",
        "--heads",
        "2",
        "--target",
        "abacus",
        "-o",
        "x.mim",
    ];
    refused(folder.path(), &target, &["abacus", "desktop"]);
    let size = [
        "new",
        "--arch",
        "vit-tiny-16",
        "--image-size",
        "33",
        "--seed",
        "1",
        "-o",
        "x.mim",
    ];
    refused(folder.path(), &size, &["image_size", "33"]);
}

#[test]
fn matrices_and_counts_that_are_none() {
    let folder = folder();
    for (text, mention) in [
        ("", "line 1"),
        ("{}", "R"),
        (r#"{"R": []}"#, "R"),
        (r#"{"R": [[1, 2], [3]]}"#, "row 1"),
        (r#"{"R": [[1.5, 2]]}"#, "whole counts"),
        (r#"{"R": [[-1, 2]]}"#, "whole counts"),
        (r#"{"R": [[18446744073709551615, 1]]}"#, "64 bits"),
    ] {
        fs::write(folder.path().join("r.json"), text).unwrap();
        refused(
            folder.path(),
            &["tcas", "--matrix", "r.json"],
            &["r.json", mention],
        );
        refused(
            folder.path(),
            &["tcas", "merge", "r.json"],
            &["r.json", "counts file"],
        );
    }
    refused(
        folder.path(),
        &["tcas", "--matrix", "nowhere.json"],
        &["nowhere.json"],
    );
    refused(folder.path(), &["tcas", "merge", "nowhere"], &["nowhere"]);
}

#[test]
fn flags_that_contradict_themselves() {
    let folder = folder();
    let before = files(folder.path());
    for arguments in [
        &[][..],
        &["fly"],
        &["encode", "tiny.mim"],
        &["encode", "tiny.mim", PHOTO, "--backend", "abacus"],
        &["bench", "tiny.mim", "--runs", "0"],
        &["bench", "tiny.mim", "--runs", "5", "--seconds", "5"],
        &["bench", "tiny.mim", "--threads", "0"],
        &["tcas"],
        &["tcas", "tiny.mim"],
        &["tcas", "tiny.mim", "--data", "photos", "--max", "NaN"],
        &["tcas", "merge"],
        &["new", "--arch", "resnet-50", "--seed", "1", "-o", "x.mim"],
        &["export", "tiny.safetensors", "--mean", "1,2", "-o", "x.mim"],
    ] {
        let run = mimlet(folder.path(), arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{arguments:?}");
    }
    assert_eq!(files(folder.path()), before);
}

/// A level is obeyed, or refused with those that there are: never another one in silence.
#[test]
fn simd_level_that_the_machine_does_not_have() {
    let folder = folder();
    let bench = ["bench", "tiny.mim", "--backend", "cpu", "--runs", "1"];
    let run = mimlet_at(folder.path(), &bench, Some("baseline"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("cpu baseline"), "{}", run.stdout);
    let run = mimlet_at(folder.path(), &bench, Some("avx9000"));
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    let named = ["error: MIMLET_SIMD", "baseline"];
    assert!(
        named.iter().all(|part| run.stderr.contains(part)),
        "{}",
        run.stderr
    );
}
