//! Files on disk: opened through a map, refused with their name, written whole or not at all.

use crate::forge;
use mimlet_format::{FormatError, ModelFile, OpenError, TensorRole, write_atomically};
use std::fs;
use std::io::ErrorKind;
use tempfile::TempDir;

fn folder() -> TempDir {
    TempDir::new().unwrap()
}

/// Names in a folder, sorted.
fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_written_file_opens() {
    let folder = folder();
    let path = folder.path().join("sample.mim");
    let sample = forge::sample();
    write_atomically(&path, &sample).unwrap();
    let file = ModelFile::open(&path).unwrap();
    let model = file.model();
    assert_eq!(model.bytes(), &sample[..]);
    let table = model.tensor(TensorRole::TokenTable).unwrap();
    assert_eq!(table.f32().unwrap().len(), 80);
    assert_eq!(names(&folder), ["sample.mim"]);
}

#[test]
fn what_cannot_be_opened_is_named() {
    let folder = folder();
    let missing = folder.path().join("missing.mim");
    let error = ModelFile::open(&missing).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    assert!(
        error.to_string().contains("missing.mim: cannot be read"),
        "{error}"
    );

    let error = ModelFile::open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::NotAFile { .. }), "{error}");

    let empty = folder.path().join("empty.mim");
    fs::write(&empty, []).unwrap();
    let error = ModelFile::open(&empty).unwrap_err();
    let is_short = |source: &FormatError| *source == FormatError::TooShort { found: 0 };
    assert!(
        matches!(&error, OpenError::Format { source, .. } if is_short(source)),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("empty.mim: file of 0 bytes is shorter"),
        "{error}"
    );
    assert!(!error.to_string().contains('\n'));
}

#[test]
fn a_file_is_replaced_whole() {
    let folder = folder();
    let path = folder.path().join("model.mim");
    fs::write(&path, "old").unwrap();
    write_atomically(&path, b"new and longer").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new and longer");
    assert_eq!(names(&folder), ["model.mim"]);
}

#[test]
fn an_open_model_survives_its_replacement() {
    let folder = folder();
    let path = folder.path().join("model.mim");
    let sample = forge::sample();
    write_atomically(&path, &sample).unwrap();
    let file = ModelFile::open(&path).unwrap();
    write_atomically(&path, b"something else").unwrap();
    assert_eq!(file.model().bytes(), &sample[..]);
}

#[test]
fn a_failed_write_leaves_nothing() {
    let folder = folder();
    let missing = folder.path().join("no/such/model.mim");
    let error = write_atomically(&missing, b"bytes").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);

    // A folder with something in it cannot be renamed over: the write fails at its last step.
    let taken = folder.path().join("taken");
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("inside"), "kept").unwrap();
    write_atomically(&taken, b"bytes").unwrap_err();
    assert_eq!(names(&folder), ["taken"]);
    assert_eq!(fs::read(taken.join("inside")).unwrap(), b"kept");

    let error = write_atomically(folder.path().join(".."), b"bytes").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
