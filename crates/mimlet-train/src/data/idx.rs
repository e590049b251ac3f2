//! IDX files, as of MNIST (format: <http://yann.lecun.com/exdb/mnist/>): two zero bytes, a type
//! byte (8: u8), the number of axes, each axis' length as a big-endian u32, then the numbers. Plain
//! or gzipped.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::packed::{Layout, Packed};
use super::part::Part;
use crate::error::TrainError;

/// First bytes of a gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Bytes that one byte of deflate can become, at most (258 a match of two bits, RFC 1951), rounded
/// up.
const DEFLATE_RATIO: u64 = 1040;

/// Longest side of an image, pixels.
const MAX_SIDE: usize = 1 << 15;

/// u8 numbers with the lengths of their axes.
#[derive(Debug, PartialEq, Eq)]
struct Idx {
    shape: Vec<usize>,
    data: Vec<u8>,
}

/// The files of images in `folder`, as (to train on, to test on); none where names say neither.
fn files_in(folder: &Path) -> [Vec<PathBuf>; 2] {
    let mut parts = [Vec::new(), Vec::new()];
    let Ok(entries) = std::fs::read_dir(folder) else {
        return parts;
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !name.contains("images") || !is_images(&path) {
            continue;
        }
        if name.contains("train") {
            parts[0].push(path);
        } else if name.contains("t10k") || name.contains("test") {
            parts[1].push(path);
        }
    }
    // The same file plain and gzipped counts once; the plain one sorts first.
    for part in &mut parts {
        part.dedup_by(|later, first| later.with_extension("") == *first);
    }
    parts
}

/// Whether a file starts as an IDX file of u8 images does.
fn is_images(path: &Path) -> bool {
    let mut head = [0; 4];
    let read = reader(path).and_then(|(mut bytes, _)| bytes.read_exact(&mut head));
    read.is_ok() && matches!(head, [0, 0, 8, 3 | 4])
}

/// Whether `path` is an IDX file of images, or a folder that holds some.
pub(super) fn is_idx(path: &Path) -> bool {
    if path.is_dir() {
        return files_in(path).iter().any(|files| !files.is_empty());
    }
    is_images(path)
}

/// Reads the part that is wanted of a folder, or a single file, which is one part. Labels lie
/// beside the images, in a file named `labels` and `idx1` where theirs says `images` and `idx3`.
/// Returns whether the set has parts of its own.
///
/// # Errors
/// [`TrainError::Content`] naming the file and what is wrong with it.
pub(super) fn open(path: &Path, part: Part) -> Result<(Packed, bool), TrainError> {
    let (files, parts) = if path.is_dir() {
        let [train, test] = files_in(path);
        let files = match part {
            Part::Train => train,
            Part::Test => test,
            Part::All => [train, test].concat(),
        };
        (files, true)
    } else {
        (vec![path.to_owned()], false)
    };
    let mut set: Option<Packed> = None;
    for file in files {
        let next = read_pair(&file)?;
        match &mut set {
            Some(set) => set.append(next)?,
            None => set = Some(next),
        }
    }
    let set = set.ok_or_else(|| TrainError::Content {
        path: path.to_owned(),
        reason: "has no IDX images of that part, such as t10k-images-idx3-ubyte".into(),
    })?;
    Ok((set.finish(None)?, parts))
}

/// The images of a file with their labels.
fn read_pair(path: &Path) -> Result<Packed, TrainError> {
    let wrong = |path: &Path, reason: String| TrainError::Content {
        path: path.to_owned(),
        reason,
    };
    let images = read(path)?;
    let (size, layout) = match images.shape[..] {
        [_, height, width] => ([height, width], Layout::Grey),
        [_, height, width, 3] => ([height, width], Layout::Interleaved),
        _ => {
            let reason = format!(
                "has axes {:?}; images are [count, height, width] or [count, height, width, 3]",
                images.shape
            );
            return Err(wrong(path, reason));
        }
    };
    if !size.iter().all(|side| (1..=MAX_SIDE).contains(side)) || images.shape[0] == 0 {
        let reason = format!("has axes {:?}; nothing is in it to train on", images.shape);
        return Err(wrong(path, reason));
    }
    let labels_path = labels_beside(path).map_err(|reason| wrong(path, reason))?;
    let labels = read(&labels_path)?;
    if labels.shape != [images.shape[0]] {
        let reason = format!(
            "has axes {:?} for {} images; they belong to different sets",
            labels.shape, images.shape[0]
        );
        return Err(wrong(&labels_path, reason));
    }
    let labels: Vec<u32> = labels.data.into_iter().map(u32::from).collect();
    let mut set = Packed::new(size.map(|side| side as u32), layout);
    set.push_file(path, &images.data, &labels);
    Ok(set)
}

/// The labels' file of a file of images: plain or gzipped.
fn labels_beside(path: &Path) -> Result<PathBuf, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    let plain = plain.replace("images", "labels");
    let plain = plain.replace("idx3", "idx1").replace("idx4", "idx1");
    let candidates = [plain.clone(), format!("{plain}.gz")].map(|name| path.with_file_name(name));
    let found = candidates
        .into_iter()
        .find(|labels| labels != path && labels.is_file());
    found.ok_or_else(|| format!("has no labels beside it; put {plain} there"))
}

/// The bytes of a file, unpacked when it is gzipped, and how many there can be.
fn reader(path: &Path) -> std::io::Result<(Box<dyn Read>, u64)> {
    let mut head = Vec::new();
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    file.take(2).read_to_end(&mut head)?;
    let file = std::io::BufReader::new(File::open(path)?);
    if head == GZIP {
        let most = length.saturating_mul(DEFLATE_RATIO);
        return Ok((Box::new(MultiGzDecoder::new(file)), most));
    }
    Ok((Box::new(file), length))
}

fn read(path: &Path) -> Result<Idx, TrainError> {
    let (bytes, most) = reader(path).map_err(TrainError::io(path, "read"))?;
    parse(bytes, most).map_err(|reason| TrainError::Content {
        path: path.to_owned(),
        reason,
    })
}

/// Parses an IDX file of u8 numbers that can hold `most` bytes. Nothing is allocated that is not
/// there.
fn parse(mut bytes: impl Read, most: u64) -> Result<Idx, String> {
    let cut_short = |_| "ends in its header, or its gzip data is damaged; copy it again".to_owned();
    let mut head = [0; 4];
    bytes.read_exact(&mut head).map_err(cut_short)?;
    let axes = match head {
        [0, 0, 8, axes @ 1..=4] => usize::from(axes),
        [0, 0, 8, axes] => return Err(format!("has {axes} axes; 1 to 4 are read")),
        [0, 0, kind, _] => return Err(format!("holds numbers of type {kind}; u8 (8) is read")),
        _ => return Err("is not an IDX file".into()),
    };
    let mut shape = Vec::with_capacity(axes);
    for _ in 0..axes {
        let mut axis = [0; 4];
        bytes.read_exact(&mut axis).map_err(cut_short)?;
        shape.push(u32::from_be_bytes(axis) as usize);
    }
    let product = shape
        .iter()
        .try_fold(1usize, |all, &axis| all.checked_mul(axis));
    let Some(needed) = product.filter(|&needed| needed as u64 <= most) else {
        return Err(format!(
            "has axes {shape:?}, more than it can hold; copy it again"
        ));
    };
    let mut data = Vec::new();
    let read = bytes.take(needed as u64 + 1).read_to_end(&mut data);
    read.map_err(|error| format!("cannot be read to its end: {error}; copy it again"))?;
    if data.len() != needed {
        let found = if data.len() > needed { "more" } else { "fewer" };
        return Err(format!(
            "has axes {shape:?} but {found} bytes; copy it again"
        ));
    }
    Ok(Idx { shape, data })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Source;
    use crate::data::part::Part;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn idx(shape: &[u32], data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, shape.len() as u8];
        bytes.extend(shape.iter().flat_map(|axis| axis.to_be_bytes()));
        bytes.extend(data);
        bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_folder_like_mnist_reads_in_parts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let write = |name: &str, bytes: &[u8]| std::fs::write(path.join(name), bytes).unwrap();
        let images: Vec<u8> = (0..12).collect();
        write("train-images-idx3-ubyte", &idx(&[2, 2, 3], &images));
        write("train-labels-idx1-ubyte", &idx(&[2], &[4, 1]));
        write(
            "t10k-images-idx3-ubyte.gz",
            &gzip(&idx(&[1, 2, 3], &images[..6])),
        );
        write("t10k-labels-idx1-ubyte.gz", &gzip(&idx(&[1], &[2])));
        assert!(is_idx(path));
        let (train, parts) = open(path, Part::Train).unwrap();
        assert!(parts);
        assert_eq!(
            (train.len(), train.label(0), train.class_names().len()),
            (2, 4, 5)
        );
        let image = train.read(1).unwrap();
        assert_eq!((image.width(), image.height()), (3, 2));
        assert_eq!(image.pixels()[..6], [6, 6, 6, 7, 7, 7]);
        let (test, _) = open(path, Part::Test).unwrap();
        assert_eq!((test.len(), test.label(0)), (1, 2));
        assert_eq!(open(path, Part::All).unwrap().0.len(), 3);
        // The same images plain and gzipped are not there twice.
        write(
            "train-images-idx3-ubyte.gz",
            &gzip(&idx(&[2, 2, 3], &images)),
        );
        assert_eq!(open(path, Part::Train).unwrap().0.len(), 2);
        let (one, parts) = open(&path.join("t10k-images-idx3-ubyte.gz"), Part::Train).unwrap();
        assert_eq!((one.len(), parts), (1, false));
        std::fs::remove_file(path.join("t10k-labels-idx1-ubyte.gz")).unwrap();
        let message = open(path, Part::Test).unwrap_err().to_string();
        assert!(
            message.contains("put t10k-labels-idx1-ubyte there"),
            "{message}"
        );
        write("t10k-labels-idx1-ubyte", &idx(&[2], &[1, 1]));
        let message = open(path, Part::Test).unwrap_err().to_string();
        assert!(message.contains("[2] for 1 images"), "{message}");
    }

    #[test]
    fn wild_axes_are_refused_before_anything_is_allocated() {
        let refused = |bytes: &[u8]| parse(bytes, bytes.len() as u64).unwrap_err();
        assert!(refused(&idx(&[u32::MAX, u32::MAX, u32::MAX], &[])).contains("more than it can"));
        assert!(refused(&idx(&[60_000, 28, 28], &[0; 10])).contains("more than it can"));
        assert!(refused(&idx(&[3], &[0; 2])).contains("fewer"));
        assert!(refused(&idx(&[3], &[0; 4])).contains("more bytes"));
        assert!(refused(&[0, 0, 13, 1, 0, 0, 0, 0]).contains("type 13"));
        assert!(refused(&[0, 0, 8, 9]).contains("9 axes"));
        assert!(refused(&[0, 0, 8, 2, 0]).contains("header"));
        assert!(refused(b"PNG.").contains("not an IDX"));
    }
}
