//! Files of every kind, damaged in many ways: an error of one line or a set that can be walked, and
//! never a panic.

use std::io::Write;
use std::path::Path;

use flate2::{Compression, write::GzEncoder};
use zip::write::{SimpleFileOptions, ZipWriter};

use super::shards::ShardWriter;
use super::{OpenOptions, Part, open};
use crate::random::Stream;

/// Damaged copies of each file.
const ROUNDS: u64 = 300;

/// A copy with some bytes changed, cut out, cut off, or doubled.
fn damaged(bytes: &[u8], random: &mut Stream) -> Vec<u8> {
    const WILD: [u8; 6] = [0, 1, 0x7f, 0x80, 0xfe, 0xff];
    let mut out = bytes.to_vec();
    for _ in 0..=random.below(4) {
        if out.is_empty() {
            return out;
        }
        // Headers lie at the front or at the end.
        let at = match random.below(3) {
            0 => random.below(out.len().min(96)),
            1 => out.len() - 1 - random.below(out.len().min(160)),
            _ => random.below(out.len()),
        };
        match random.below(6) {
            0 => out[at] = WILD[random.below(WILD.len())],
            1 => out[at] ^= 1 << random.below(8),
            2 => out[at] = b'0' + random.below(10) as u8,
            3 => out.truncate(at),
            4 => {
                let end = (at + random.below(600)).min(out.len());
                out.drain(at..end);
            }
            _ => {
                let piece = out[at..(at + 512).min(out.len())].to_vec();
                out.splice(at..at, piece);
            }
        }
    }
    out
}

/// Opens `path` and walks through what comes out. Returns whether it opened.
fn walk(path: &Path) -> bool {
    let options = OpenOptions {
        part: Part::All,
        ..OpenOptions::default()
    };
    let outcome = open(path, &options);
    let message = match outcome {
        Err(error) => error.to_string(),
        Ok(set) => {
            for index in 0..set.len().min(4) {
                assert!((set.label(index) as usize) < set.class_names().len());
                if let Err(error) = set.read(index) {
                    assert_eq!(error.to_string().lines().count(), 1);
                }
            }
            return true;
        }
    };
    assert_eq!(message.lines().count(), 1, "{message}");
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(
        message.contains(name) || message.contains("labels"),
        "{message}"
    );
    false
}

/// Writes damaged copies of `bytes` to `path` and walks each.
fn torment(path: &Path, bytes: &[u8], key: u64) {
    std::fs::write(path, bytes).unwrap();
    assert!(walk(path), "the undamaged file opens");
    let mut refused = 0;
    for round in 0..ROUNDS {
        let damaged = damaged(bytes, &mut Stream::new(&[key, round]));
        std::fs::write(path, damaged).unwrap();
        refused += u64::from(!walk(path));
    }
    assert!(
        refused > ROUNDS / 10,
        "only {refused} of {ROUNDS} were refused"
    );
}

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

#[test]
fn damaged_tars_are_refused_or_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut png = std::io::Cursor::new(Vec::new());
    let image = image::RgbImage::new(4, 4);
    image.write_to(&mut png, image::ImageFormat::Png).unwrap();
    let mut writer = ShardWriter::create(folder.path(), &["a".into(), "b".into()], 8).unwrap();
    for label in [0, 1, 0] {
        writer.add(png.get_ref(), label).unwrap();
    }
    writer.finish().unwrap();
    let path = folder.path().join("shard-000000.tar");
    let bytes = std::fs::read(&path).unwrap();
    torment(&path, &bytes, 1);
}

#[test]
fn damaged_cifar_is_refused_or_read() {
    let folder = tempfile::tempdir().unwrap();
    let record = |label: u8| std::iter::once(label).chain([9; 3072]);
    let bytes: Vec<u8> = record(3).chain(record(7)).collect();
    torment(&folder.path().join("test_batch.bin"), &bytes, 2);
}

#[test]
fn damaged_idx_is_refused_or_read() {
    let folder = tempfile::tempdir().unwrap();
    let labels = [&[0, 0, 8, 1, 0, 0, 0, 3][..], &[1, 0, 2]].concat();
    std::fs::write(folder.path().join("train-labels-idx1-ubyte"), labels).unwrap();
    let head = [0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5];
    let images = [&head[..], &[100; 60]].concat();
    torment(&folder.path().join("train-images-idx3-ubyte"), &images, 3);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&images).unwrap();
    let packed = encoder.finish().unwrap();
    torment(
        &folder.path().join("train-images-idx3-ubyte.gz"),
        &packed,
        4,
    );
}

#[test]
fn damaged_npz_is_refused_or_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.npz");
    let images = npy("<f4", "(3, 2, 2)", &0.5f32.to_le_bytes().repeat(12));
    let labels = npy(
        "<i8",
        "(3,)",
        &[[0u8; 8], [1, 0, 0, 0, 0, 0, 0, 0], [0; 8]].concat(),
    );
    for method in [
        zip::CompressionMethod::Stored,
        zip::CompressionMethod::Deflated,
    ] {
        let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, bytes) in [("images.npy", &images), ("labels.npy", &labels)] {
            let options = SimpleFileOptions::default().compression_method(method);
            writer.start_file(name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
        let bytes = writer.finish().unwrap().into_inner();
        torment(&path, &bytes, 5);
    }
}
