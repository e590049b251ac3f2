//! Signed files: keys that are made safely, files that are signed, and what is refused.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::fixture::{files, folder, json, keys, mimlet, refused};

const PHOTO: &str = "photos/dark/0.png";
/// Bytes of a signature.
const SIGNATURE: usize = 112;

/// Asserts a failed check before any work: exit code 1, nothing on stdout, one line on stderr.
fn fails(folder: &Path, arguments: &[&str], mentions: &[&str]) {
    let before = files(folder);
    let run = mimlet(folder, arguments);
    assert_eq!(run.code, 1, "{arguments:?}: {}{}", run.stdout, run.stderr);
    assert_eq!(run.stdout, "", "{arguments:?}");
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    assert!(run.stderr.starts_with("failed: "), "{}", run.stderr);
    for mention in mentions {
        assert!(run.stderr.contains(mention), "{mention}: {}", run.stderr);
    }
    assert_eq!(files(folder), before, "{arguments:?} left a file behind");
}

/// Makes the pairs `us` and `them`, and signs `tiny.mim` as `signed.mim` with ours.
fn sign(folder: &Path) -> Value {
    for key in ["us", "them"] {
        json(folder, &["keygen", "-o", key]);
    }
    json(
        folder,
        &["sign", "tiny.mim", "--key", "us", "-o", "signed.mim"],
    )
}

/// Overwrites a file with what `change` makes of it.
fn changed(folder: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let path = folder.join("signed.mim");
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_signed_file_is_believed_by_every_command() {
    let folder = folder();
    let folder = folder.path();
    let report = sign(folder);
    assert_eq!(keys(&report), ["bytes", "file", "hash", "key", "replaced"]);
    assert_eq!(report["replaced"], Value::Null);
    let unsigned = fs::read(folder.join("tiny.mim")).unwrap();
    assert_eq!(report["bytes"], unsigned.len() + SIGNATURE);

    let verify = [
        "verify",
        "signed.mim",
        "--key",
        "us.pub",
        "--backend",
        "cpu",
    ];
    let verdict = json(folder, &verify);
    assert_eq!(verdict["hash"], report["hash"]);
    assert_eq!(verdict["signature"]["key"], report["key"]);
    assert_eq!(verdict["signature"]["verified"], true);
    assert_eq!(verdict["passed"], true);
    let required = ["--require-signature", "us.pub"];
    for command in [
        &["encode", "signed.mim", PHOTO, "--backend", "cpu"][..],
        &["bench", "signed.mim", "--runs", "2", "--backend", "cpu"],
        &["tcas", "signed.mim", "--data", "photos", "--backend", "cpu"],
        &["inspect", "signed.mim"],
    ] {
        json(folder, &[command, &required].concat());
    }
    let unasked = json(folder, &["verify", "signed.mim", "--backend", "cpu"]);
    assert_eq!(unasked["signature"]["verified"], false);
    assert_eq!(
        json(folder, &["inspect", "signed.mim"])["signed_by"],
        report["key"]
    );
}

#[test]
fn signing_in_place_keeps_the_hash_and_replaces_a_signature() {
    let folder = folder();
    let folder = folder.path();
    let ours = sign(folder);
    let report = json(folder, &["sign", "signed.mim", "--key", "them"]);
    assert_eq!(report["file"], "signed.mim");
    assert_eq!(report["replaced"], ours["key"]);
    assert_eq!(report["hash"], ours["hash"]);
    assert_eq!(report["bytes"], ours["bytes"]);
    fails(
        folder,
        &["verify", "signed.mim", "--key", "us.pub"],
        &["another key", report["key"].as_str().unwrap()],
    );
    json(
        folder,
        &[
            "verify",
            "signed.mim",
            "--key",
            "them.pub",
            "--backend",
            "cpu",
        ],
    );
}

#[test]
fn a_file_without_the_signature_asked_for_is_refused_by_every_command() {
    let folder = folder();
    let folder = folder.path();
    sign(folder);
    for (file, key, mention) in [
        ("tiny.mim", "us.pub", "is not signed"),
        ("signed.mim", "them.pub", "another key"),
    ] {
        let required = ["--require-signature", key];
        for command in [
            &["verify", file][..],
            &["encode", file, PHOTO, "-o", "o.npy"],
            &["encode", file, PHOTO, "--json"],
            &["bench", file],
            &["tcas", file, "--data", "photos"],
            &["inspect", file],
        ] {
            fails(folder, &[command, &required].concat(), &[file, mention]);
        }
    }
}

#[test]
fn a_changed_signature_is_found_even_when_none_is_asked_for() {
    let folder = folder();
    let folder = folder.path();
    sign(folder);
    changed(folder, |bytes| *bytes.last_mut().unwrap() ^= 1);
    for arguments in [
        &["verify", "signed.mim"][..],
        &["verify", "signed.mim", "--key", "us.pub"],
    ] {
        fails(folder, arguments, &["signed.mim", "does not hold"]);
    }
}

#[test]
fn a_changed_or_truncated_signed_file_is_bad_input() {
    let folder = folder();
    let folder = folder.path();
    sign(folder);
    let verify = ["verify", "signed.mim", "--key", "us.pub"];
    let whole = fs::read(folder.join("signed.mim")).unwrap();
    changed(folder, |bytes| bytes[1000] ^= 1);
    refused(folder, &verify, &["signed.mim", "hash"]);
    fs::write(folder.join("signed.mim"), &whole[..whole.len() - 1]).unwrap();
    refused(
        folder,
        &verify,
        &["signed.mim", "signature has 111 bytes of 112"],
    );
    // Without its signature the file is whole, and unsigned.
    fs::write(folder.join("signed.mim"), &whole[..whole.len() - SIGNATURE]).unwrap();
    fails(folder, &verify, &["signed.mim", "is not signed"]);
}

#[test]
fn files_that_are_no_key_or_the_other_one_are_told() {
    let folder = folder();
    let folder = folder.path();
    sign(folder);
    fs::write(folder.join("note"), "no key").unwrap();
    let secret = fs::read_to_string(folder.join("us")).unwrap();
    fs::write(folder.join("cut"), &secret[..secret.len() - 9]).unwrap();
    let verify = |key| ["verify", "signed.mim", "--key", key];
    let sign = |key| ["sign", "tiny.mim", "--key", key];
    refused(folder, &verify("us"), &["us: ", "secret", ".pub"]);
    refused(folder, &sign("us.pub"), &["us.pub: ", "public"]);
    refused(folder, &sign("cut"), &["cut: ", "64 hexadecimal digits"]);
    for key in ["note", "photos", "signed.mim", PHOTO] {
        refused(folder, &verify(key), &[key, "no key"]);
        refused(folder, &sign(key), &[key, "no key"]);
    }
    refused(folder, &verify("nowhere"), &["nowhere: cannot be read"]);
    refused(folder, &sign("nowhere"), &["nowhere: cannot be read"]);
    let tokens = [
        "tcas",
        "--tokens",
        "t.parquet",
        "--require-signature",
        "us.pub",
    ];
    refused(folder, &tokens, &["--require-signature", ".mim"]);
}

#[test]
fn keys_are_never_replaced() {
    let folder = folder();
    let folder = folder.path();
    json(folder, &["keygen", "-o", "us"]);
    let pair = || ["us", "us.pub"].map(|name| fs::read(folder.join(name)).unwrap());
    let before = pair();
    refused(folder, &["keygen", "-o", "us"], &["us: is there already"]);
    assert_eq!(pair(), before);
    // A public key alone is in the way too, and no secret one is left beside it.
    fs::remove_file(folder.join("us")).unwrap();
    refused(
        folder,
        &["keygen", "-o", "us"],
        &["us.pub: is there already"],
    );
    refused(folder, &["keygen", "-o", "no/us"], &["no/us", "folder"]);
    refused(
        folder,
        &["keygen", "-o", "photos"],
        &["photos: is there already"],
    );
}

#[test]
fn a_pair_is_new_each_time_and_reported_without_the_secret() {
    let folder = folder();
    let folder = folder.path();
    let [us, them] = ["us", "them"].map(|key| json(folder, &["keygen", "-o", key]));
    assert_eq!(keys(&us), ["key", "public_key", "secret_key"]);
    assert_eq!(us["secret_key"], "us");
    assert_eq!(us["public_key"], "us.pub");
    assert_ne!(us["key"], them["key"]);
    let public = fs::read_to_string(folder.join("us.pub")).unwrap();
    assert_eq!(
        public,
        format!(
            "mimlet public key, ed25519\n{}\n",
            us["key"].as_str().unwrap()
        )
    );
    let secret = fs::read_to_string(folder.join("us")).unwrap();
    let digits = secret.lines().nth(1).unwrap();
    assert!(!us.to_string().contains(digits));
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_a_secret_key() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let folder = folder.path();
    json(folder, &["keygen", "-o", "us"]);
    let mode = |name: &str| {
        fs::metadata(folder.join(name))
            .unwrap()
            .permissions()
            .mode()
    };
    assert_eq!(mode("us") & 0o777, 0o600);
    assert_eq!(mode("us.pub") & 0o400, 0o400);
}
