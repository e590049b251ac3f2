//! Images in a folder, and those that come to it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mimlet_image::{FORMATS, FileProblem, ImageError, images_in};

use super::stop::Stop;
use crate::error::Error;

/// A folder that is looked into again and again.
#[derive(Debug)]
pub(super) struct Folder {
    /// Each folder of images with its class.
    folders: Vec<(PathBuf, Option<u32>)>,
    classes: Vec<String>,
    interval: Duration,
    once: bool,
    stop: Stop,
    /// What the last look found, so that images are taken once while they are there.
    seen: BTreeSet<PathBuf>,
    queue: VecDeque<(PathBuf, Option<u32>)>,
    /// Images that could not be read: half-written ones may be whole at the next look.
    again: BTreeMap<PathBuf, Option<u32>>,
}

/// An image that was looked at twice and could not be read.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) path: PathBuf,
    pub(super) reason: String,
}

impl Folder {
    /// Looks into a folder for the first time. The folders in it are the classes.
    ///
    /// # Errors
    /// When it cannot be listed; with `once`, when it has no image.
    pub(super) fn open(
        path: &Path,
        interval: Duration,
        once: bool,
        stop: Stop,
    ) -> Result<Self, Error> {
        // Missing folders, and files in their place, are told as everywhere else.
        let own = listed(path)?;
        let classes = class_folders(path)?;
        let mut folder = Self {
            folders: vec![(path.to_path_buf(), None)],
            classes: Vec::with_capacity(classes.len()),
            interval,
            once,
            stop,
            seen: BTreeSet::new(),
            queue: VecDeque::new(),
            again: BTreeMap::new(),
        };
        for (class, path) in (0..).zip(classes) {
            let name = path.file_name().unwrap_or_default();
            folder.classes.push(name.to_string_lossy().into_owned());
            folder.folders.push((path, Some(class)));
        }
        folder.look()?;
        if once && own.is_empty() && folder.queue.is_empty() {
            return Err(Error::file(
                path,
                format_args!("has no images; add {FORMATS} files, or .npy"),
            ));
        }
        Ok(folder)
    }

    pub(super) fn classes(&self) -> &[String] {
        &self.classes
    }

    /// What `read` makes of the next image, waited for; `None` at the end.
    ///
    /// # Errors
    /// When the folder cannot be listed any more.
    pub(super) fn take<T: From<Looked>>(
        &mut self,
        mut read: impl FnMut(&Path, Option<u32>) -> Result<T, ImageError>,
    ) -> Result<Option<T>, Error> {
        loop {
            while let Some((path, class)) = self.queue.pop_front() {
                let second = self.again.remove(&path).is_some();
                match read(&path, class) {
                    Ok(taken) => return Ok(Some(taken)),
                    Err(error) if second => {
                        let reason = Error::from(error).to_string();
                        return Ok(Some(Looked { path, reason }.into()));
                    }
                    Err(_) => drop(self.again.insert(path, class)),
                }
            }
            if self.once && self.again.is_empty() {
                return Ok(None);
            }
            self.stop.wait(self.interval);
            if self.stop.is_asked_for() {
                return Ok(None);
            }
            let again = self.again.iter();
            self.queue = again.map(|(path, class)| (path.clone(), *class)).collect();
            if !self.once {
                self.look()?;
            }
        }
    }

    /// Puts what is new into the queue, by name: images of all classes in turn, where they are named
    /// alike.
    fn look(&mut self) -> Result<(), Error> {
        let mut found = BTreeSet::new();
        let mut new = Vec::new();
        for (path, class) in &self.folders {
            for image in listed(path)? {
                if !self.seen.contains(&image) {
                    new.push((image.clone(), *class));
                }
                found.insert(image);
            }
        }
        new.sort_by(|(a, _), (b, _)| (a.file_name(), a).cmp(&(b.file_name(), b)));
        self.queue.extend(new);
        self.seen = found;
        Ok(())
    }
}

/// The images in a folder; none are no error.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    match images_in(folder) {
        Err(ImageError::File {
            problem: FileProblem::NoImages,
            ..
        }) => Ok(Vec::new()),
        listed => Ok(listed?),
    }
}

/// The folders in a folder by name, without hidden ones.
fn class_folders(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let refuse = |error| Error::file(folder, format_args!("cannot be read: {error}"));
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).map_err(refuse)? {
        let path = entry.map_err(refuse)?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() && !name.as_encoded_bytes().starts_with(b".") {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::{Folder, Looked, Stop, images_in};
    use mimlet_image::ImageError;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    /// A path, or that of an image that was given up.
    #[derive(Debug, PartialEq)]
    enum Seen {
        Read(PathBuf),
        GivenUp(PathBuf),
    }

    impl From<Looked> for Seen {
        fn from(looked: Looked) -> Self {
            Self::GivenUp(looked.path)
        }
    }

    fn open(path: &Path, once: bool) -> Folder {
        Folder::open(path, Duration::ZERO, once, Stop::default()).unwrap()
    }

    /// Takes the next image; one that holds "half" cannot be read.
    fn take(folder: &mut Folder) -> Option<Seen> {
        let read = |path: &Path, _| match fs::read(path).unwrap() == b"half" {
            true => Err(images_in("no such folder").unwrap_err()),
            false => Ok::<_, ImageError>(Seen::Read(path.to_path_buf())),
        };
        folder.take(read).unwrap()
    }

    #[test]
    fn images_of_all_classes_take_turns_and_new_ones_follow() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        for class in ["a", "b"] {
            fs::create_dir(path(class)).unwrap();
            fs::write(path(class).join("0.png"), "").unwrap();
            fs::write(path(class).join("1.png"), "").unwrap();
        }
        let mut folder = open(root.path(), false);
        assert_eq!(folder.classes(), ["a", "b"]);
        for name in ["a/0.png", "b/0.png", "a/1.png", "b/1.png"] {
            assert_eq!(take(&mut folder), Some(Seen::Read(path(name))));
        }
        fs::write(path("a").join("00.png"), "").unwrap();
        assert_eq!(take(&mut folder), Some(Seen::Read(path("a/00.png"))));
    }

    #[test]
    fn a_half_written_image_is_read_again_once() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        for name in ["0.png", "1.png"] {
            fs::write(path(name), "half").unwrap();
        }
        fs::write(path("2.png"), "whole").unwrap();
        let mut folder = open(root.path(), true);
        assert_eq!(take(&mut folder), Some(Seen::Read(path("2.png"))));
        fs::write(path("1.png"), "whole").unwrap();
        assert_eq!(take(&mut folder), Some(Seen::GivenUp(path("0.png"))));
        assert_eq!(take(&mut folder), Some(Seen::Read(path("1.png"))));
        assert_eq!(take(&mut folder), None);
    }

    #[test]
    fn a_stop_ends_the_wait() {
        let root = tempfile::tempdir().unwrap();
        let stop = Stop::default();
        let hour = Duration::from_secs(3600);
        let mut folder = Folder::open(root.path(), hour, false, stop.clone()).unwrap();
        stop.ask();
        assert_eq!(take(&mut folder), None);
    }
}
