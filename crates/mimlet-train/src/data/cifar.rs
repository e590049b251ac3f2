//! CIFAR-10 and CIFAR-100 in their binary versions (Krizhevsky 2009; the format is on
//! <https://www.cs.toronto.edu/~kriz/cifar.html>): records of one label byte (CIFAR-100: coarse,
//! then fine) and 3072 pixels, `[3, 32, 32]`.

use std::path::{Path, PathBuf};

use super::classes::{numbered, read_names};
use super::packed::{Layout, Packed};
use super::part::Part;
use crate::error::TrainError;

/// Bytes of an image.
const PIXELS: usize = 3 * 32 * 32;

/// One of the two sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    /// Bytes before the pixels; the last of them is the label.
    label_bytes: usize,
    classes: usize,
    /// The file of class names beside the records.
    names: &'static str,
}

const CIFAR_10: Kind = Kind {
    label_bytes: 1,
    classes: 10,
    names: "batches.meta.txt",
};

const CIFAR_100: Kind = Kind {
    label_bytes: 2,
    classes: 100,
    names: "fine_label_names.txt",
};

/// The files of a folder that hold CIFAR, as (kind, to train on, to test on).
fn files_in(folder: &Path) -> Option<(Kind, Vec<PathBuf>, Vec<PathBuf>)> {
    let existing = |names: &[&str]| -> Vec<PathBuf> {
        let paths = names.iter().map(|name| folder.join(name));
        paths.filter(|path| path.is_file()).collect()
    };
    let batches: Vec<String> = (1..=5).map(|n| format!("data_batch_{n}.bin")).collect();
    let batches: Vec<&str> = batches.iter().map(String::as_str).collect();
    let ten = (existing(&batches), existing(&["test_batch.bin"]));
    let hundred = (existing(&["train.bin"]), existing(&["test.bin"]));
    for (kind, (train, test)) in [(CIFAR_10, ten), (CIFAR_100, hundred)] {
        if !train.is_empty() || !test.is_empty() {
            return Some((kind, train, test));
        }
    }
    None
}

/// Whether `path` is a folder of CIFAR files, or one of them.
pub(super) fn is_cifar(path: &Path) -> bool {
    files_in(path).is_some() || kind_of(path).is_some()
}

/// Reads the part that is wanted of a folder, or a single file, which is one part.
/// Returns whether the set has parts of its own.
///
/// # Errors
/// [`TrainError::Content`] naming a file with the wrong length or a label out of range.
pub(super) fn open(path: &Path, part: Part) -> Result<(Packed, bool), TrainError> {
    if let Some(kind) = kind_of(path) {
        let folder = path.parent().unwrap_or(Path::new("."));
        return Ok((read_all(kind, folder, &[path.to_owned()])?, false));
    }
    let Some((kind, train, test)) = files_in(path) else {
        return Err(missing(path, "CIFAR's .bin"));
    };
    let files = match part {
        Part::Train => train,
        Part::Test => test,
        Part::All => [train, test].concat(),
    };
    if files.is_empty() {
        return Err(missing(
            path,
            if part == Part::Test {
                "test"
            } else {
                "training"
            },
        ));
    }
    Ok((read_all(kind, path, &files)?, true))
}

fn missing(path: &Path, what: &str) -> TrainError {
    TrainError::Content {
        path: path.to_owned(),
        reason: format!("has no {what} files; unpack CIFAR's binary version there"),
    }
}

/// The kind of a single file, from the names around it, then from its length.
fn kind_of(path: &Path) -> Option<Kind> {
    let is_bin = path.extension().is_some_and(|extension| extension == "bin");
    let length = std::fs::metadata(path).ok().filter(|m| m.is_file())?.len() as usize;
    if !is_bin {
        return None;
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let named = [CIFAR_10, CIFAR_100].into_iter();
    let named = named.filter(|kind| folder.join(kind.names).is_file());
    let fitting = [CIFAR_10, CIFAR_100].into_iter();
    let fitting = fitting.filter(|kind| length.is_multiple_of(kind.label_bytes + PIXELS));
    named.chain(fitting).next()
}

fn read_all(kind: Kind, folder: &Path, files: &[PathBuf]) -> Result<Packed, TrainError> {
    let mut set = Packed::new([32, 32], Layout::Planar);
    for path in files {
        let bytes = std::fs::read(path).map_err(TrainError::io(path, "read"))?;
        let (pixels, labels) = records(kind, &bytes).map_err(|reason| TrainError::Content {
            path: path.clone(),
            reason,
        })?;
        set.push_file(path, &pixels, &labels);
    }
    let names = read_names(&folder.join(kind.names))?;
    if let Some(names) = &names
        && names.len() != kind.classes
    {
        return Err(TrainError::Content {
            path: folder.join(kind.names),
            reason: format!("has {} names for {} classes", names.len(), kind.classes),
        });
    }
    set.finish(Some(names.unwrap_or_else(|| numbered(kind.classes))))
}

/// Pixels and labels of a file's records.
fn records(kind: Kind, bytes: &[u8]) -> Result<(Vec<u8>, Vec<u32>), String> {
    let record = kind.label_bytes + PIXELS;
    if bytes.is_empty() || !bytes.len().is_multiple_of(record) {
        return Err(format!(
            "has {} bytes, which are not whole records of {record} (CIFAR-{}); copy it again",
            bytes.len(),
            kind.classes
        ));
    }
    let count = bytes.len() / record;
    let (mut pixels, mut labels) = (Vec::with_capacity(count * PIXELS), Vec::new());
    for (at, record) in bytes.chunks_exact(record).enumerate() {
        let (head, image) = record.split_at(kind.label_bytes);
        let label = u32::from(head[kind.label_bytes - 1]);
        if label as usize >= kind.classes {
            return Err(format!(
                "record {at}: label {label} of CIFAR-{}; copy it again",
                kind.classes
            ));
        }
        labels.push(label);
        pixels.extend_from_slice(image);
    }
    Ok((pixels, labels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Source;

    /// A record whose planes are flat: red, green, blue.
    fn record(labels: &[u8], colour: [u8; 3]) -> Vec<u8> {
        let planes = colour.iter().flat_map(|&level| [level; 1024]);
        labels.iter().copied().chain(planes).collect()
    }

    #[test]
    fn ten_reads_its_part_with_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let write = |name: &str, bytes: Vec<u8>| std::fs::write(path.join(name), bytes).unwrap();
        write(
            "data_batch_1.bin",
            [record(&[3], [1, 2, 3]), record(&[9], [4; 3])].concat(),
        );
        write("data_batch_2.bin", record(&[0], [7, 8, 9]));
        write("test_batch.bin", record(&[5], [50; 3]));
        write(
            "batches.meta.txt",
            b"a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n".to_vec(),
        );
        let (train, parts) = open(path, Part::Train).unwrap();
        assert!(parts && is_cifar(path));
        assert_eq!((train.len(), train.class_names()[9].as_str()), (3, "j"));
        assert_eq!([train.label(0), train.label(1), train.label(2)], [3, 9, 0]);
        let image = train.read(2).unwrap();
        assert_eq!((image.width(), image.height()), (32, 32));
        assert_eq!(image.pixels(), [7, 8, 9].repeat(1024));
        assert!(train.describe(2).ends_with("data_batch_2.bin: record 0"));
        assert_eq!(open(path, Part::Test).unwrap().0.len(), 1);
        assert_eq!(open(path, Part::All).unwrap().0.label(3), 5);
        let (one, parts) = open(&path.join("data_batch_1.bin"), Part::Train).unwrap();
        assert_eq!((one.len(), parts), (2, false));
    }

    #[test]
    fn hundred_takes_the_fine_label() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("train.bin"), record(&[19, 99], [1; 3])).unwrap();
        let (set, _) = open(folder.path(), Part::Train).unwrap();
        assert_eq!((set.label(0), set.class_names().len()), (99, 100));
        let message = open(folder.path(), Part::Test).unwrap_err().to_string();
        assert!(message.contains("no test files"), "{message}");
    }

    #[test]
    fn broken_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test_batch.bin");
        let message = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            open(folder.path(), Part::Test).unwrap_err().to_string()
        };
        assert!(message(&[]).contains("test_batch.bin: has 0 bytes"));
        assert!(message(&record(&[1], [0; 3])[1..]).contains("records of 3073"));
        let bad = [record(&[1], [0; 3]), record(&[10], [0; 3])].concat();
        assert!(message(&bad).contains("record 1: label 10"));
    }
}
