//! Files to test with, byte by byte.

use mimlet_checkpoint::{Checkpoint, CheckpointError};
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use zip::write::{SimpleFileOptions, ZipWriter};

/// A file of the repository's `tests/fixtures`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures")
        .join(name)
}

/// Opens bytes as a file of this name.
pub(crate) fn open(name: &str, bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    // The file stays open when its folder goes.
    Checkpoint::open(&path)
}

/// What bytes are refused with: one line that names the file.
pub(crate) fn refusal(name: &str, bytes: &[u8]) -> String {
    let text = open(name, bytes).expect_err("it is unusable").to_string();
    assert!(text.contains(name), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

/// Opens bytes and reads all that they have, whatever comes of it.
pub(crate) fn read_all(name: &str, bytes: &[u8]) {
    let Ok(mut checkpoint) = open(name, bytes) else {
        return;
    };
    let names: Vec<String> = checkpoint
        .shapes()
        .map(|(name, _)| name.to_owned())
        .collect();
    for name in names {
        let _ = checkpoint.read(&name);
    }
}

/// A tensor's values.
pub(crate) fn values(checkpoint: &mut Checkpoint, name: &str) -> Vec<f32> {
    checkpoint.read(name).unwrap().unwrap().values
}

pub(crate) fn f32_bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// A zip archive of `torch.save`: a pickle and storages, stored as they are.
pub(crate) fn archive(pickle: &[u8], storages: &[&[u8]]) -> Vec<u8> {
    archive_by(zip::CompressionMethod::Stored, pickle, storages)
}

pub(crate) fn archive_by(
    method: zip::CompressionMethod,
    pickle: &[u8],
    storages: &[&[u8]],
) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    let mut add = |name: &str, bytes: &[u8]| {
        zip.start_file(name, options).unwrap();
        zip.write_all(bytes).unwrap();
    };
    add("a/data.pkl", pickle);
    add("a/byteorder", b"little");
    for (index, storage) in storages.iter().enumerate() {
        add(&format!("a/data/{index}"), storage);
    }
    zip.finish().unwrap().into_inner()
}

/// A tensor as a pickle rebuilds it.
#[derive(Debug, Clone)]
pub(crate) struct Tensor<'a> {
    pub(crate) class: &'a str,
    pub(crate) key: &'a str,
    pub(crate) len: i32,
    pub(crate) offset: i32,
    pub(crate) shape: &'a [i32],
    pub(crate) strides: &'a [i32],
}

impl Tensor<'_> {
    /// Six f32 of storage 0 as 2 x 3.
    pub(crate) const PLAIN: Self = Tensor {
        class: "FloatStorage",
        key: "0",
        len: 6,
        offset: 0,
        shape: &[2, 3],
        strides: &[3, 1],
    };

    pub(crate) fn pickled(&self) -> Vec<u8> {
        let sides = |sides: &[i32]| {
            let sides = sides.iter().flat_map(|&side| int(side));
            [vec![b'('], sides.collect(), vec![b't']].concat()
        };
        [
            b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
            text("storage"),
            format!("ctorch\n{}\n", self.class).into_bytes(),
            text(self.key),
            text("cpu"),
            int(self.len),
            b"tQ".to_vec(),
            int(self.offset),
            sides(self.shape),
            sides(self.strides),
            b"\x89}tR".to_vec(),
        ]
        .concat()
    }
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    [
        b"X".to_vec(),
        (text.len() as u32).to_le_bytes().to_vec(),
        text.into(),
    ]
    .concat()
}

pub(crate) fn int(value: i32) -> Vec<u8> {
    [b"J".to_vec(), value.to_le_bytes().to_vec()].concat()
}

/// A dictionary of pickled values.
pub(crate) fn dict(items: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let items = items
        .iter()
        .flat_map(|(key, value)| [text(key), value.clone()]);
    [b"}(".to_vec(), items.flatten().collect(), b"u".to_vec()].concat()
}

/// A whole pickle of protocol 2.
pub(crate) fn pickle(value: &[u8]) -> Vec<u8> {
    [b"\x80\x02", value, b"."].concat()
}
