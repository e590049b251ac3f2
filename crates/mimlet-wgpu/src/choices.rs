//! The variants found fastest, kept between runs.

use crate::adapters::AdapterDescription;
use mimlet_kernels::Variant;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// The version of wgpu, which translates the kernels: a choice made with another is not taken.
pub(crate) const WGPU_VERSION: &str = "30.0.1";

/// The fastest variant of each op and shape on one adapter, by what was offered.
#[derive(Debug)]
pub(crate) struct Choices {
    /// What the choices hold for; a file that says otherwise is another adapter's.
    identity: String,
    path: Option<PathBuf>,
    by_offer: BTreeMap<String, String>,
}

impl Choices {
    /// Those kept in a folder for an adapter; none when the file is absent, damaged or another's.
    pub(crate) fn load(adapter: &AdapterDescription, folder: Option<&Path>) -> Self {
        let identity = format!(
            "mimlet {}, wgpu {WGPU_VERSION}, {adapter}",
            env!("CARGO_PKG_VERSION")
        );
        let name = format!("gpu-{:016x}.txt", hash(&identity));
        let path = folder.map(|folder| folder.join(name));
        let text = path.as_ref().and_then(|path| fs::read_to_string(path).ok());
        let by_offer = text.and_then(|text| parse(&text, &identity));
        Self {
            by_offer: by_offer.unwrap_or_default(),
            identity,
            path,
        }
    }

    /// Whether one of these variants was found fastest.
    pub(crate) fn know(&self, offered: &[Variant]) -> bool {
        self.of(offered).is_some()
    }

    /// The position of the variant that was found fastest.
    pub(crate) fn of(&self, offered: &[Variant]) -> Option<usize> {
        let name = self.by_offer.get(&key(offered))?;
        offered.iter().position(|variant| variant.name() == name)
    }

    /// Keeps the name of the variant that was found fastest.
    pub(crate) fn add(&mut self, offered: &[Variant], name: &str) {
        self.by_offer.insert(key(offered), name.to_string());
    }

    /// Writes the file beside its place and moves it there, so that nobody reads half of it. A folder
    /// that cannot be written is no error: the next run measures again.
    pub(crate) fn save(&self) {
        let Some(path) = &self.path else { return };
        let beside = path.with_extension(format!("{}.new", std::process::id()));
        let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
        let written = folder.and_then(|()| fs::write(&beside, self.text()));
        if written.and_then(|()| fs::rename(&beside, path)).is_err() {
            let _ = fs::remove_file(&beside);
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n", self.identity);
        for (offer, name) in &self.by_offer {
            let _ = writeln!(text, "{offer}\t{name}");
        }
        let sum = hash(&text);
        let _ = writeln!(text, "{sum:016x}");
        text
    }
}

/// The choices of a file, when it is whole and of this identity.
fn parse(text: &str, identity: &str) -> Option<BTreeMap<String, String>> {
    let end = text.trim_end().rfind('\n')? + 1;
    let (body, sum) = text.split_at(end);
    if format!("{:016x}", hash(body)) != sum.trim_end() {
        return None;
    }
    let mut lines = body.lines();
    if lines.next()? != identity {
        return None;
    }
    let choice = |line: &str| {
        let (offer, name) = line.split_once('\t')?;
        Some((offer.to_string(), name.to_string()))
    };
    lines.map(choice).collect()
}

/// What was offered: the first variant's kernel and constants, and a hash of every kernel's source.
fn key(offered: &[Variant]) -> String {
    let dispatches = || offered.iter().flat_map(|variant| &variant.dispatches);
    let mut hasher = DefaultHasher::new();
    for dispatch in dispatches() {
        (dispatch.kernel.name, dispatch.kernel.source).hash(&mut hasher);
        dispatch.call.workgroups.hash(&mut hasher);
        for (name, value) in &dispatch.call.constants {
            (name, value.to_bits()).hash(&mut hasher);
        }
    }
    // Whatever their order.
    let mut names: Vec<&str> = dispatches().map(|dispatch| dispatch.kernel.name).collect();
    names.sort_unstable();
    format!("{} {:016x}", names.join(" "), hasher.finish())
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::{Choices, WGPU_VERSION};
    use crate::adapters::AdapterDescription;
    use mimlet_kernels::{Variant, gelu, residual};
    use mimlet_runtime::DeviceLimits;
    use std::fs;
    use std::path::Path;

    fn adapter(driver_info: &str) -> AdapterDescription {
        AdapterDescription {
            name: "card".into(),
            backend: "vulkan",
            kind: "discrete",
            driver: "driver".into(),
            driver_info: driver_info.into(),
            limits: DeviceLimits::DOWNLEVEL,
            features: Vec::new(),
        }
    }

    fn offered(len: usize) -> [Variant; 2] {
        [
            Variant::single(&residual::KERNEL, residual::call(len)),
            Variant::single(&gelu::KERNEL, gelu::call(len)),
        ]
    }

    /// A folder with the second of two variants chosen for length 7.
    fn kept(folder: &Path) -> String {
        let mut choices = Choices::load(&adapter("1.0"), Some(folder));
        choices.add(&offered(7), "gelu");
        choices.save();
        let [file] = &files(folder)[..] else {
            panic!("{:?}", files(folder))
        };
        file.clone()
    }

    fn files(folder: &Path) -> Vec<String> {
        let files = fs::read_dir(folder).unwrap();
        files
            .map(|file| file.unwrap().path().display().to_string())
            .collect()
    }

    #[test]
    fn a_choice_is_found_again_for_the_same_offer_only() {
        let folder = tempfile::tempdir().unwrap();
        kept(folder.path());
        let choices = Choices::load(&adapter("1.0"), Some(folder.path()));
        assert_eq!(choices.of(&offered(7)), Some(1));
        assert_eq!(choices.of(&offered(8)), None);
        assert_eq!(choices.of(&offered(7)[..1]), None);
    }

    #[test]
    fn a_damaged_file_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let file = kept(folder.path());
        let whole = fs::read_to_string(&file).unwrap();
        let swapped = whole.replace("\tgelu", "\tresidual");
        assert_ne!(swapped, whole);
        for damaged in ["", "\n", "?", &whole[..whole.len() / 2], &swapped] {
            fs::write(&file, damaged).unwrap();
            let choices = Choices::load(&adapter("1.0"), Some(folder.path()));
            assert!(!choices.know(&offered(7)), "{damaged:?}");
        }
        fs::write(&file, [0xff; 40]).unwrap();
        assert!(!Choices::load(&adapter("1.0"), Some(folder.path())).know(&offered(7)));
    }

    #[test]
    fn another_drivers_file_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let file = kept(folder.path());
        let other = adapter("2.0");
        assert!(!Choices::load(&other, Some(folder.path())).know(&offered(7)));
        // Nor under that driver's name.
        Choices::load(&other, Some(folder.path())).save();
        let named = files(folder.path()).into_iter().find(|f| *f != file);
        fs::copy(&file, named.unwrap()).unwrap();
        assert!(!Choices::load(&other, Some(folder.path())).know(&offered(7)));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("file");
        fs::write(&blocked, "in the way").unwrap();
        let mut choices = Choices::load(&adapter("1.0"), Some(&blocked));
        choices.add(&offered(7), "residual");
        choices.save();
        assert_eq!(choices.of(&offered(7)), Some(0));
    }

    #[test]
    fn the_version_of_wgpu_is_the_one_that_is_built() {
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
        let lock = fs::read_to_string(lock).unwrap();
        let built = format!("name = \"wgpu\"\nversion = \"{WGPU_VERSION}\"");
        assert!(lock.contains(&built), "{WGPU_VERSION} is not in Cargo.lock");
    }
}
