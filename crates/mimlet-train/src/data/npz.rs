//! NumPy's `.npz`: arrays of images and labels in a zip file.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use mimlet_image::NpyView;
use zip::ZipArchive;

use super::numbers;
use super::packed::{Layout, Packed};
use super::part::Part;
use crate::error::TrainError;

/// Largest array, bytes, whatever its archive claims.
const MAX_ARRAY: u64 = 1 << 33;

/// Bytes that one packed byte can become, at most (RFC 1951).
const DEFLATE_RATIO: u64 = 1040;

/// Longest side of an image, pixels.
const MAX_SIDE: usize = 1 << 15;

/// Names that arrays of images, and of labels, go by when a file holds one set.
const WHOLE: [&[&str]; 2] = [&["images", "x", "X", "data"], &["labels", "y", "target"]];

/// The same in files with a part to train on, as of Keras and MedMNIST.
const TRAIN: [&[&str]; 2] = [
    &["train_images", "x_train", "X_train", "images_train"],
    &["train_labels", "y_train", "labels_train"],
];

/// The same for a part to test on.
const TEST: [&[&str]; 2] = [
    &["test_images", "x_test", "X_test", "images_test"],
    &["test_labels", "y_test", "labels_test"],
];

type Archive = ZipArchive<BufReader<File>>;

/// Whether a file starts as a zip archive does.
pub(super) fn is_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}

/// Reads the part that is wanted. Returns whether the file has parts of its own.
///
/// # Errors
/// [`TrainError::Content`] naming the file, the array and what is wrong with it.
pub(super) fn open(
    path: &Path,
    part: Part,
    levels: Option<u32>,
) -> Result<(Packed, bool), TrainError> {
    let file = File::open(path).map_err(TrainError::io(path, "read"))?;
    let mut archive = ZipArchive::new(BufReader::new(file))
        .map_err(TrainError::content(path, "is no readable zip archive"))?;
    let parts = find(&archive, TRAIN[0]).is_some() && find(&archive, TEST[0]).is_some();
    let wanted: &[[&[&str]; 2]] = match (parts, part) {
        (false, _) => &[WHOLE],
        (true, Part::Train) => &[TRAIN],
        (true, Part::Test) => &[TEST],
        (true, Part::All) => &[TRAIN, TEST],
    };
    let mut set: Option<Packed> = None;
    for &names in wanted {
        let next = read_pair(path, &mut archive, names, levels)?;
        match &mut set {
            Some(set) => set.append(next)?,
            None => set = Some(next),
        }
    }
    let set = set.ok_or_else(|| TrainError::Config("no part of the arrays is wanted".into()))?;
    Ok((set.finish(None)?, parts))
}

/// The first of `names` that is in the archive, as its file name there.
fn find(archive: &Archive, names: &[&str]) -> Option<String> {
    let files = names.iter().map(|name| format!("{name}.npy"));
    files
        .into_iter()
        .find(|file| archive.index_for_name(file).is_some())
}

/// An array of images with its array of labels.
fn read_pair(
    path: &Path,
    archive: &mut Archive,
    [image_names, label_names]: [&[&str]; 2],
    levels: Option<u32>,
) -> Result<Packed, TrainError> {
    let wrong = |reason: String| TrainError::Content {
        path: path.to_owned(),
        reason,
    };
    let mut array = |names: &[&str]| {
        let name = find(archive, names).ok_or_else(|| {
            let known = names.join(", ");
            wrong(format!(
                "has no array named {}",
                known.replace(", ", " or ")
            ))
        })?;
        let bytes = member(archive, &name).map_err(|reason| wrong(format!("{name} {reason}")))?;
        Ok::<_, TrainError>((name, bytes))
    };
    let (image_name, images) = array(image_names)?;
    let (label_name, labels) = array(label_names)?;
    let of_images = |reason: String| wrong(format!("{image_name} {reason}"));
    let of_labels = |reason: String| wrong(format!("{label_name} {reason}"));
    let images = NpyView::parse(&images).map_err(|error| of_images(error.to_string()))?;
    let labels = NpyView::parse(&labels).map_err(|error| of_labels(error.to_string()))?;
    let (count, size, layout) = image_shape(&images.shape).map_err(of_images)?;
    if labels.shape != [count] && labels.shape != [count, 1] {
        let reason = format!("has shape {:?} for {count} images", labels.shape);
        return Err(of_labels(reason));
    }
    let pixels = numbers::brightness(&images, levels).map_err(of_images)?;
    let labels = numbers::labels(&labels).map_err(of_labels)?;
    let mut set = Packed::new(size, layout);
    set.push_file(path, &pixels, &labels);
    Ok(set)
}

/// Number, height and width, and layout of images of this shape.
fn image_shape(shape: &[usize]) -> Result<(usize, [u32; 2], Layout), String> {
    let (count, size, layout) = match *shape {
        [count, height, width] | [count, height, width, 1] => {
            (count, [height, width], Layout::Grey)
        }
        [count, height, width, 3] => (count, [height, width], Layout::Interleaved),
        _ => {
            return Err(format!(
                "has shape {shape:?}; images are [count, height, width] or [count, height, width, 3]"
            ));
        }
    };
    if count == 0 || !size.iter().all(|side| (1..=MAX_SIDE).contains(side)) {
        return Err(format!("has shape {shape:?}; nothing is in it to train on"));
    }
    Ok((count, size.map(|side| side as u32), layout))
}

/// A member's bytes, no more than its packed bytes can be worth.
fn member(archive: &mut Archive, name: &str) -> Result<Vec<u8>, String> {
    let packed = archive.by_name(name);
    let mut packed = packed.map_err(|error| format!("cannot be unpacked: {error}"))?;
    let declared = packed.size();
    let most = packed.compressed_size().saturating_mul(DEFLATE_RATIO);
    if declared > most.min(MAX_ARRAY) {
        return Err(format!(
            "claims {declared} bytes, more than {}; save it again",
            most.min(MAX_ARRAY)
        ));
    }
    let mut bytes = Vec::new();
    let read = packed.by_ref().take(declared + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("cannot be unpacked: {error}; save it again"))?;
    if bytes.len() as u64 != declared {
        return Err(format!(
            "claims {declared} bytes and holds another number; save it again"
        ));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Source;
    use std::io::Write;
    use zip::write::{SimpleFileOptions, ZipWriter};

    fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let length = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
    }

    fn npz(path: &Path, arrays: &[(&str, Vec<u8>)]) {
        let mut writer = ZipWriter::new(File::create(path).unwrap());
        for (name, bytes) in arrays {
            let name = format!("{name}.npy");
            writer
                .start_file(name, SimpleFileOptions::default())
                .unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap();
    }

    #[test]
    fn digits_as_scikit_learn_has_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("digits.npz");
        let labels: Vec<u8> = [1i64, 0].iter().flat_map(|l| l.to_le_bytes()).collect();
        npz(
            &path,
            &[
                ("images", npy("|u1", "(2, 1, 2)", &[0, 4, 16, 8])),
                ("target", npy("<i8", "(2,)", &labels)),
            ],
        );
        let (set, parts) = open(&path, Part::Train, None).unwrap();
        assert_eq!((set.len(), set.label(0), parts), (2, 1, false));
        assert_eq!(set.class_names(), ["0", "1"]);
        assert_eq!(
            set.read(1).unwrap().pixels(),
            [255, 255, 255, 128, 128, 128]
        );
        assert!(set.describe(1).ends_with("digits.npz: record 1"));
    }

    #[test]
    fn colours_and_parts_as_keras_and_medmnist_have_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.npz");
        let images = |level: u8| npy("|u1", "(1, 1, 1, 3)", &[level, 1, 200]);
        npz(
            &path,
            &[
                ("train_images", images(5)),
                ("train_labels", npy("|u1", "(1, 1)", &[0])),
                ("test_images", images(6)),
                ("test_labels", npy("|u1", "(1, 1)", &[1])),
            ],
        );
        let (test, parts) = open(&path, Part::Test, None).unwrap();
        assert!(parts);
        assert_eq!(test.read(0).unwrap().pixels(), [6, 1, 200]);
        assert_eq!(open(&path, Part::All, None).unwrap().0.len(), 2);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad.npz");
        let message = |arrays: &[(&str, Vec<u8>)]| {
            npz(&path, arrays);
            open(&path, Part::Train, None).unwrap_err().to_string()
        };
        let good = npy("|u1", "(1, 1, 1)", &[200]);
        let label = npy("|u1", "(1,)", &[0]);
        assert!(message(&[("y", label.clone())]).contains("no array named images or x"));
        assert!(message(&[("x", good.clone())]).contains("no array named labels or y"));
        let two = npy("|u1", "(2,)", &[0, 0]);
        assert!(message(&[("x", good.clone()), ("y", two)]).contains("y.npy has shape [2]"));
        let flat = npy("|u1", "(1, 4)", &[200; 4]);
        assert!(message(&[("x", flat), ("y", label.clone())]).contains("x.npy has shape [1, 4]"));
        let none = npy("|u1", "(0, 4, 4)", &[]);
        assert!(message(&[("x", none), ("y", label.clone())]).contains("nothing is in it"));
        let nan = npy("<f4", "(1, 1, 1)", &f32::NAN.to_le_bytes());
        assert!(message(&[("x", nan), ("y", label)]).contains("x.npy number 0 is NaN"));
        let wild = npy("<u4", "(1,)", &u32::MAX.to_le_bytes());
        let wild = message(&[("x", good), ("y", wild)]);
        assert!(wild.contains("record 0: label 4294967295"), "{wild}");
    }
}
