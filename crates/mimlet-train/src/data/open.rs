//! Finds out what kind of data set a path holds, from what is there.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::part::{OpenOptions, Part};
use super::shards::{ShardSource, shards_of};
use super::{FolderSource, Source, Subset, cifar, idx, npz};
use crate::error::TrainError;

/// Names of folders that hold the part to test on beside `train`.
const TEST_FOLDERS: [&str; 4] = ["test", "val", "valid", "validation"];

/// A data set, and whether it has the wanted part as one of its own.
type Found = (Box<dyn Source>, bool);

/// Opens the data set at `path`:
///
/// | what | by |
/// |---|---|
/// | ImageFolder | a folder of class folders |
/// | WebDataset | a tar file, a folder of `.tar` files, or a pattern `train-{000..012}.tar` |
/// | CIFAR-10, CIFAR-100 | the binary version's folder, or one of its `.bin` files |
/// | IDX | `*-images-idx3-ubyte` with the labels beside it, plain or gzipped, or the folder of them |
/// | NumPy | an `.npz` of images and labels |
/// | any of them in parts | folders `train` and `test` (or `val`, `valid`, `validation`) |
///
/// The part that `options` names is the set's own, where it has parts; else it is split off, the
/// same for the same seed. Without a share to hold out, the part to train on is everything.
///
/// # Errors
/// [`TrainError::Content`], [`TrainError::Image`] or [`TrainError::Io`] naming the file and the
/// mend; [`TrainError::Config`] for a test part that does not exist.
pub fn open(path: &Path, options: &OpenOptions) -> Result<Box<dyn Source>, TrainError> {
    let (source, own_parts) = find(path, options)?;
    if own_parts {
        return Ok(source);
    }
    split_off(source, options).map_err(|error| match error {
        TrainError::Config(reason) => TrainError::Config(format!("{}: {reason}", path.display())),
        other => other,
    })
}

/// As [`open`], for a set to score on: its part to test on, where it has one of its own, else all
/// of it.
///
/// # Errors
/// As [`open`].
pub fn open_test(path: &Path, options: &OpenOptions) -> Result<Box<dyn Source>, TrainError> {
    let options = OpenOptions {
        part: Part::Test,
        ..*options
    };
    Ok(find(path, &options)?.0)
}

/// The wanted part of a set without parts of its own.
///
/// # Errors
/// [`TrainError::Config`] when a test part is wanted and no share is held out.
pub fn split_off(
    source: Box<dyn Source>,
    options: &OpenOptions,
) -> Result<Box<dyn Source>, TrainError> {
    let fraction = options.test_fraction;
    match options.part {
        Part::All => Ok(source),
        Part::Train if fraction <= 0.0 => Ok(source),
        Part::Test if fraction <= 0.0 => Err(TrainError::Config(
            "has no test part of its own; set data.test_fraction, or give its share as in \
             test:0.2"
                .into(),
        )),
        part => {
            let (train, test) = Subset::split(Arc::from(source), fraction, options.split_seed)?;
            Ok(Box::new(if part == Part::Train { train } else { test }))
        }
    }
}

/// What `path` holds.
fn find(path: &Path, options: &OpenOptions) -> Result<Found, TrainError> {
    if let Some([train, test]) = part_folders(path) {
        return Ok((open_parts(&train, &test, options)?, true));
    }
    if let Some(shards) = shards_of(path)? {
        return Ok((Box::new(ShardSource::open(shards)?), false));
    }
    if cifar::is_cifar(path) {
        let (set, parts) = cifar::open(path, options.part)?;
        return Ok((Box::new(set), parts));
    }
    if idx::is_idx(path) {
        let (set, parts) = idx::open(path, options.part)?;
        return Ok((Box::new(set), parts));
    }
    if path.is_file() {
        let mut head = Vec::new();
        let read = File::open(path).and_then(|file| file.take(4).read_to_end(&mut head));
        read.map_err(TrainError::io(path, "read"))?;
        if npz::is_zip(&head) {
            let (set, parts) = npz::open(path, options.part, options.levels)?;
            return Ok((Box::new(set), parts));
        }
        return Err(TrainError::Content {
            path: path.to_owned(),
            reason: "is no data set; give a folder of class folders, WebDataset .tar shards, \
                     CIFAR's .bin, IDX images with their labels, or an .npz"
                .into(),
        });
    }
    Ok((Box::new(FolderSource::open(path)?), false))
}

/// The folders `train` and `test`, where `root` holds such, and they hold data sets.
fn part_folders(root: &Path) -> Option<[PathBuf; 2]> {
    let is_set = |path: &Path| {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        let mut paths = entries.map(|entry| entry.path());
        paths.any(|path| path.is_dir() || path.extension().is_some_and(|e| e == "tar"))
    };
    let train = Some(root.join("train")).filter(|path| is_set(path))?;
    let test = TEST_FOLDERS.map(|name| root.join(name));
    let test = test.into_iter().find(|path| is_set(path))?;
    Some([train, test])
}

/// The wanted part of a set whose parts lie in two folders.
fn open_parts(
    train: &Path,
    test: &Path,
    options: &OpenOptions,
) -> Result<Box<dyn Source>, TrainError> {
    let whole = OpenOptions {
        part: Part::All,
        ..*options
    };
    let folder = match options.part {
        Part::Train => train,
        Part::Test => test,
        Part::All => {
            return Err(TrainError::Config(format!(
                "{} and {} are two sets; open one of them",
                train.display(),
                test.display()
            )));
        }
    };
    Ok(find(folder, &whole)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ImageSet;

    fn image(path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::new(3, 2).save(path).unwrap();
    }

    fn part(part: Part, test_fraction: f64) -> OpenOptions {
        OpenOptions {
            part,
            test_fraction,
            ..OpenOptions::default()
        }
    }

    #[test]
    fn folders_open_whole_split_or_by_their_parts() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for at in 0..5 {
            image(&root.join(format!("plain/a/{at}.png")));
            image(&root.join(format!("plain/b/{at}.png")));
        }
        let plain = root.join("plain");
        let count = |options| open(&plain, &options).map(|set| set.len());
        assert_eq!(count(part(Part::Train, 0.0)).unwrap(), 10);
        assert_eq!(count(part(Part::Train, 0.4)).unwrap(), 6);
        assert_eq!(count(part(Part::Test, 0.4)).unwrap(), 4);
        assert_eq!(count(part(Part::All, 0.4)).unwrap(), 10);
        let message = count(part(Part::Test, 0.0)).unwrap_err().to_string();
        assert!(message.contains("plain: has no test part"), "{message}");
        image(&root.join("parts/train/a/0.png"));
        image(&root.join("parts/train/a/1.png"));
        image(&root.join("parts/val/a/0.png"));
        let parts = root.join("parts");
        let count = |options| open(&parts, &options).unwrap().len();
        // Its own parts are taken, whatever share is configured.
        assert_eq!(count(part(Part::Train, 0.5)), 2);
        assert_eq!(count(part(Part::Test, 0.0)), 1);
        let test = |path| open_test(path, &OpenOptions::default()).unwrap().len();
        assert_eq!((test(&parts), test(&plain)), (1, 10));
    }

    #[test]
    fn what_is_no_data_set_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "hello").unwrap();
        let message = |path: &Path| {
            let error = open(path, &OpenOptions::default()).unwrap_err();
            error.to_string()
        };
        assert!(message(&path).contains("notes.txt: is no data set; give"));
        let none = message(&folder.path().join("none"));
        assert!(
            none.contains("none") && none.contains("no such file"),
            "{none}"
        );
        let missing = message(&folder.path().join("s-{0..1}.tar"));
        assert!(missing.contains("s-0.tar: cannot read"), "{missing}");
        assert!(message(folder.path()).contains("no class folders"));
    }

    #[test]
    fn sets_in_memory_split_alike() {
        let set = || {
            let set = ImageSet::new([1, 1], vec![7; 30], vec![0; 10], vec!["a".into()]);
            Box::new(set.unwrap())
        };
        let test = split_off(set(), &part(Part::Test, 0.3)).unwrap();
        assert_eq!(test.len(), 3);
        assert!(split_off(set(), &part(Part::Test, 0.0)).is_err());
    }
}
