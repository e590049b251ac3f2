//! WebDataset: samples as neighbouring files of a tar archive, such as `000123.jpg` and
//! `000123.cls`; many archives, called shards, make a set
//! (<https://github.com/webdataset/webdataset>, "The WebDataset Format").
//!
//! Shards are indexed once when the set is opened; images stay on disk and are read at their place.

mod index;
mod pattern;
mod write;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use mimlet_image::{Limits, RgbImage, decode};
use rayon::prelude::*;

pub use write::ShardWriter;

use super::Source;
use super::classes::{names_for, read_names};
use crate::error::TrainError;
use index::Sample;

/// The file of class names beside the shards, one a line.
pub(super) const NAMES: &str = "classes.txt";

/// A set of shards.
#[derive(Debug, Clone)]
pub struct ShardSource {
    shards: Vec<PathBuf>,
    samples: Vec<Sample>,
    /// For each shard, the number of samples up to its end.
    ends: Vec<usize>,
    labels: Vec<u32>,
    class_names: Vec<String>,
}

/// The shards that `path` means: itself, the `.tar` files of a folder in name order, or those of a
/// pattern such as `train-{000..012}.tar`. `None` when it is nothing of the kind.
///
/// # Errors
/// [`TrainError::Content`] for a pattern that is wrong.
pub(super) fn shards_of(path: &Path) -> Result<Option<Vec<PathBuf>>, TrainError> {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(TrainError::io(path, "read"))?;
        let paths = entries.flatten().map(|entry| entry.path());
        let mut shards: Vec<PathBuf> = paths.filter(|path| is_tar_name(path)).collect();
        shards.sort();
        return Ok(Some(shards).filter(|shards| !shards.is_empty()));
    }
    if path.exists() {
        return Ok(is_tar(path).then(|| vec![path.to_owned()]));
    }
    pattern::expand(path)
}

fn is_tar_name(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("tar"))
}

/// Whether a file is a tar archive, by its name or by the mark that POSIX and GNU put into it.
fn is_tar(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(512).read_to_end(&mut head));
    is_tar_name(path) || (read.is_ok() && head.get(257..262) == Some(b"ustar"))
}

impl ShardSource {
    /// Indexes `shards`. Class names are those of `classes.txt` beside the first, one a line;
    /// without it labels are numbers, and so are the names.
    ///
    /// # Errors
    /// [`TrainError::Content`] naming the shard and the sample that is not as it should be.
    pub fn open(shards: Vec<PathBuf>) -> Result<Self, TrainError> {
        let folder = shards.first().and_then(|shard| shard.parent());
        let names = read_names(&folder.unwrap_or(Path::new("")).join(NAMES))?;
        let index = |shard: &PathBuf| index::index(shard, names.as_deref());
        // All are indexed before one fails: of several errors the first shard's is told, each time.
        let indexed: Vec<Result<(Vec<Sample>, Vec<u32>), _>> =
            shards.par_iter().map(index).collect();
        let mut set = Self {
            shards,
            samples: Vec::new(),
            ends: Vec::new(),
            labels: Vec::new(),
            class_names: Vec::new(),
        };
        for shard in indexed {
            let (samples, labels) = shard?;
            set.samples.extend(samples);
            set.labels.extend(labels);
            set.ends.push(set.samples.len());
        }
        if set.samples.is_empty() {
            return Err(TrainError::Content {
                path: set.shards.into_iter().next().unwrap_or_default(),
                reason: "and the shards with it hold no sample such as 0.jpg with 0.cls".into(),
            });
        }
        let names = names_for(&set.labels, names);
        set.class_names = names.map_err(|(at, reason)| TrainError::Content {
            path: set.shard(at).to_owned(),
            reason: format!("{}: {reason}; give {NAMES}", set.samples[at].name),
        })?;
        Ok(set)
    }

    /// The shard of sample `index`.
    fn shard(&self, index: usize) -> &Path {
        &self.shards[self.ends.partition_point(|&end| end <= index)]
    }
}

impl Source for ShardSource {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    fn label(&self, index: usize) -> u32 {
        self.labels[index]
    }

    fn describe(&self, index: usize) -> String {
        format!(
            "{}: {}",
            self.shard(index).display(),
            self.samples[index].name
        )
    }

    /// Opens the shard anew each time: a set may have more shards than a process may have files.
    fn read(&self, index: usize) -> Result<RgbImage, TrainError> {
        let (path, sample) = (self.shard(index), &self.samples[index]);
        let limits = Limits::default();
        let name = self.describe(index);
        if sample.length > limits.max_file_bytes {
            return Err(TrainError::Content {
                path: path.to_owned(),
                reason: format!("{}: is longer than an image may be", sample.name),
            });
        }
        // The index has held the length to that of the file.
        let mut bytes = vec![0; sample.length as usize];
        let read = File::open(path).and_then(|mut shard| {
            shard.seek(SeekFrom::Start(sample.offset))?;
            shard.read_exact(&mut bytes)
        });
        read.map_err(TrainError::io(path, "read"))?;
        Ok(decode(&bytes, name, &limits)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::faults;

    /// The bytes of a PNG of one colour.
    fn png(level: u8) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let image = image::RgbImage::from_pixel(2, 3, image::Rgb([level; 3]));
        image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn tar(path: &Path, members: &[(&str, &[u8])]) {
        let mut builder = tar::Builder::new(File::create(path).unwrap());
        for (name, bytes) in members {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
        builder.finish().unwrap();
    }

    #[test]
    fn samples_are_read_at_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let long = format!("{}/9.png", "deep/".repeat(40));
        tar(
            &path("b-00.tar"),
            &[
                ("0.png", &png(10)),
                ("0.cls", b"1\n"),
                ("0.json", b"{}"),
                ("dir/1.cls", b"0"),
                ("dir/1.PNG", &png(20)),
                ("dir/1.seg.png", &png(99)),
            ],
        );
        tar(
            &path("b-01.tar"),
            &[(&long, &png(30)), (&long.replace("png", "cls"), b"2")],
        );
        for set in [
            ShardSource::open(shards_of(folder.path()).unwrap().unwrap()).unwrap(),
            ShardSource::open(shards_of(&path("b-{00..01}.tar")).unwrap().unwrap()).unwrap(),
        ] {
            assert_eq!((set.len(), set.class_names().len()), (3, 3));
            for (index, (label, level)) in [(1, 10), (0, 20), (2, 30)].into_iter().enumerate() {
                assert_eq!(set.label(index), label);
                let image = set.read(index).unwrap();
                assert_eq!((image.width(), image.height()), (2, 3));
                assert_eq!(image.pixels()[0], level);
            }
            assert!(set.describe(1).ends_with("b-00.tar: dir/1.PNG"));
        }
        std::fs::write(path("classes.txt"), "cat\ndog\nfox\nowl\n").unwrap();
        let one = ShardSource::open(vec![path("b-00.tar")]).unwrap();
        assert_eq!(one.class_names(), ["cat", "dog", "fox", "owl"]);
        std::fs::write(path("classes.txt"), "cat\n").unwrap();
        let message = ShardSource::open(vec![path("b-00.tar")])
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("b-00.tar: 0.png: label 1 with 1 class names"),
            "{message}"
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["cat", "dog"].map(String::from);
        let mut writer = ShardWriter::create(folder.path(), &names, 2).unwrap();
        for (index, level) in [5, 6, 7].into_iter().enumerate() {
            writer.add(&png(level), index as u32 % 2).unwrap();
        }
        writer.finish().unwrap();
        let shards = shards_of(folder.path()).unwrap().unwrap();
        assert_eq!(shards.len(), 2);
        let set = ShardSource::open(shards).unwrap();
        assert_eq!(set.class_names(), names);
        let found: Vec<(u8, u32)> = (0..3)
            .map(|index| (set.read(index).unwrap().pixels()[0], set.label(index)))
            .collect();
        assert_eq!(found, [(5, 0), (6, 1), (7, 0)]);
    }

    #[test]
    fn broken_shards_are_named_with_the_sample() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.tar");
        let open = || ShardSource::open(vec![path.clone()]).map_err(|error| error.to_string());
        let refused = |members: &[(&str, &[u8])]| {
            tar(&path, members);
            open().unwrap_err()
        };
        assert!(refused(&[("0.png", &png(1))]).contains("s.tar: sample 0 has no .cls"));
        assert!(refused(&[("0.cls", b"1")]).contains("sample 0 has no image"));
        assert!(refused(&[("0.png", &png(1)), ("0.cls", b"cat")]).contains("label `cat`"));
        assert!(refused(&[("0.png", &png(1)), ("0.cls", b"-1")]).contains("label `-1`"));
        assert!(refused(&[("0.png", &png(1)), ("0.cls", &[b'1'; 900])]).contains("0.cls"));
        let twice: &[(&str, &[u8])] = &[("0.png", b"x"), ("0.jpg", b"y"), ("0.cls", b"1")];
        assert!(refused(twice).contains("sample 0 has two images"));
        let wild: &[(&str, &[u8])] = &[("0.png", b"x"), ("0.cls", b"4000000000")];
        assert!(refused(wild).contains("0.png: label 4000000000 is above"));
        assert!(refused(&[]).contains("no sample"));
        // Cut anywhere: never read as a shorter set.
        tar(
            &path,
            &[
                ("0.png", &png(1)),
                ("0.cls", b"1"),
                ("1.png", &png(2)),
                ("1.cls", b"0"),
            ],
        );
        let whole = std::fs::read(&path).unwrap();
        for end in [100, 512, 700, 1024, 1536, 2048, 2560, 3000, 3072] {
            std::fs::write(&path, &whole[..end]).unwrap();
            let message = open().unwrap_err();
            assert!(message.contains("s.tar: "), "{end}: {message}");
            assert_eq!(message.lines().count(), 1);
        }
        // A torn image is one bad sample, not the end.
        tar(
            &path,
            &[
                ("0.png", &png(1)[..20]),
                ("0.cls", b"1"),
                ("1.png", &png(2)),
                ("1.cls", b"0"),
            ],
        );
        let set = crate::data::Tolerant::new(Box::new(open().unwrap()), Some(1));
        assert!(faults::read(&set, 0).unwrap().is_none());
        assert_eq!(faults::read(&set, 1).unwrap().unwrap().pixels()[0], 2);
    }
}
