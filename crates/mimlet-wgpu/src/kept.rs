//! Files in which what was found out about a GPU is kept between runs.

use crate::adapters::AdapterDescription;
use std::fs;
use std::path::{Path, PathBuf};

/// The version of wgpu, which translates the kernels: what was found with another is not believed.
const WGPU_VERSION: &str = "30.0.1";

/// A file of one adapter, driver and version of everything: whose it is, a checksum, the content.
#[derive(Debug)]
pub(crate) struct KeptFile {
    /// What the content holds for; a file that says otherwise is another's.
    identity: String,
    path: PathBuf,
}

impl KeptFile {
    /// The file of a kind in a folder for an adapter.
    pub(crate) fn of(adapter: &AdapterDescription, folder: &Path, kind: &str) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let identity = format!("mimlet {version}, wgpu {WGPU_VERSION}, {adapter}");
        let name = blake3::hash(identity.as_bytes()).to_hex();
        Self {
            path: folder.join(format!("gpu-{}.{kind}", &name[..16])),
            identity,
        }
    }

    /// The content; `None` when the file is absent, damaged or another's.
    pub(crate) fn read(&self) -> Option<Vec<u8>> {
        let bytes = fs::read(&self.path).ok()?;
        let content = bytes.get(self.head(&[]).len()..)?;
        bytes
            .starts_with(self.head(content).as_bytes())
            .then(|| content.to_vec())
    }

    /// Writes the file beside its place and moves it there, so that nobody reads half of it. A folder
    /// that cannot be written is no error: the next run finds out again.
    pub(crate) fn write(&self, content: &[u8]) {
        let kind = self.path.extension().unwrap_or_default().display();
        let beside = self
            .path
            .with_extension(format!("{kind}.{}.new", std::process::id()));
        let folder = self.path.parent().map_or(Ok(()), fs::create_dir_all);
        let bytes = [self.head(content).as_bytes(), content].concat();
        let written = folder.and_then(|()| fs::write(&beside, bytes));
        if written
            .and_then(|()| fs::rename(&beside, &self.path))
            .is_err()
        {
            let _ = fs::remove_file(&beside);
        }
    }

    /// What stands before a content: as long for any.
    fn head(&self, content: &[u8]) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.identity.as_bytes()).update(content);
        format!("{}\n{}\n", self.identity, hasher.finalize().to_hex())
    }
}

#[cfg(test)]
mod tests {
    use super::{KeptFile, WGPU_VERSION};
    use crate::adapters::AdapterDescription;
    use mimlet_runtime::DeviceLimits;
    use std::fs;
    use std::path::Path;

    fn kept(folder: &Path, driver_info: &str) -> KeptFile {
        let adapter = AdapterDescription {
            name: "card".into(),
            backend: "vulkan",
            kind: "discrete",
            driver: "driver".into(),
            driver_info: driver_info.into(),
            limits: DeviceLimits::DOWNLEVEL,
            features: Vec::new(),
        };
        KeptFile::of(&adapter, folder, "txt")
    }

    #[test]
    fn what_was_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = kept(folder.path(), "1.0");
        assert_eq!(file.read(), None);
        for content in [&b"content"[..], b"", &[0xff; 40]] {
            file.write(content);
            assert_eq!(file.read().as_deref(), Some(content));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_file_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let file = kept(folder.path(), "1.0");
        file.write(b"content");
        let whole = fs::read(&file.path).unwrap();
        for damaged in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[damaged] ^= 1;
            for bytes in [&flipped[..], &whole[..damaged]] {
                fs::write(&file.path, bytes).unwrap();
                assert_eq!(file.read(), None, "byte {damaged}");
            }
        }
    }

    #[test]
    fn another_drivers_file_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let [file, other] = ["1.0", "2.0"].map(|driver| kept(folder.path(), driver));
        file.write(b"content");
        assert_eq!(other.read(), None);
        // Nor under that driver's name.
        fs::copy(&file.path, &other.path).unwrap();
        assert_eq!(other.read(), None);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("file");
        fs::write(&blocked, "in the way").unwrap();
        let file = kept(&blocked, "1.0");
        file.write(b"content");
        assert_eq!(file.read(), None);
    }

    #[test]
    fn the_version_of_wgpu_is_the_one_that_is_built() {
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
        let lock = fs::read_to_string(lock).unwrap();
        let built = format!("name = \"wgpu\"\nversion = \"{WGPU_VERSION}\"");
        assert!(lock.contains(&built), "{WGPU_VERSION} is not in Cargo.lock");
    }
}
