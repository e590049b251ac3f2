//! The targets inside the program, and those in files.

use super::Target;
use crate::ExportError;
use std::path::Path;

/// The files of `targets/`, so that an installed program knows them.
const BUNDLED: [&str; 15] = [
    include_str!("../../../targets/android-entry.toml"),
    include_str!("../../../targets/cortex-m7.toml"),
    include_str!("../../../targets/desktop.toml"),
    include_str!("../../../targets/downlevel.toml"),
    include_str!("../../../targets/galaxy-s24-exynos.toml"),
    include_str!("../../../targets/galaxy-s24-snapdragon.toml"),
    include_str!("../../../targets/intel-igpu.toml"),
    include_str!("../../../targets/iphone-15.toml"),
    include_str!("../../../targets/jetson-orin-nano.toml"),
    include_str!("../../../targets/pixel-8.toml"),
    include_str!("../../../targets/raspberry-pi-4.toml"),
    include_str!("../../../targets/raspberry-pi-5.toml"),
    include_str!("../../../targets/raspberry-pi-zero-2.toml"),
    include_str!("../../../targets/rk3588.toml"),
    include_str!("../../../targets/webgpu-default.toml"),
];

impl Target {
    /// Reads a target's file.
    ///
    /// # Errors
    /// [`ExportError::Io`], or [`ExportError::Content`] naming the field.
    pub fn read(path: &Path) -> Result<Self, ExportError> {
        let text = std::fs::read_to_string(path).map_err(ExportError::io(path))?;
        Self::parse(&text).map_err(|reason| ExportError::content(path, reason))
    }

    /// The targets this program was built with, by name.
    ///
    /// ```
    /// use mimlet_export::Target;
    /// let names: Vec<String> = Target::bundled().map(|target| target.name).collect();
    /// assert!(names.contains(&"raspberry-pi-5".to_owned()));
    /// ```
    pub fn bundled() -> impl Iterator<Item = Self> {
        // A test parses every one of them.
        BUNDLED.iter().filter_map(|text| Self::parse(text).ok())
    }

    /// A target this program was built with.
    ///
    /// # Errors
    /// [`ExportError::Config`] listing the names there are.
    pub fn named(name: &str) -> Result<Self, ExportError> {
        Self::bundled()
            .find(|target| target.name == name)
            .ok_or_else(|| {
                let names: Vec<String> = Self::bundled().map(|target| target.name).collect();
                ExportError::Config {
                    field: "target",
                    reason: format!("{name} is none of {}", names.join(", ")),
                }
            })
    }

    /// A target by its name, or by its file when `name` has a folder in it or ends in `.toml`.
    ///
    /// # Errors
    /// As [`Target::named`] or [`Target::read`].
    pub fn find(name: &str) -> Result<Self, ExportError> {
        let path = Path::new(name);
        let is_toml = path.extension().is_some_and(|ending| ending == "toml");
        if is_toml || path.components().count() > 1 {
            Self::read(path)
        } else {
            Self::named(name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BUNDLED, Target};

    #[test]
    fn every_bundled_target_parses_and_states_its_sources() {
        for text in BUNDLED {
            let target = Target::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert!(!target.sources.is_empty(), "{} has no source", target.name);
        }
        assert_eq!(Target::bundled().count(), BUNDLED.len());
    }

    #[test]
    fn every_file_in_the_targets_folder_is_bundled_under_its_own_name() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../targets");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        let bundled: Vec<String> = Target::bundled().map(|target| target.name).collect();
        assert_eq!(bundled, names);
    }

    #[test]
    fn every_field_is_explained_in_the_readme() {
        let readme = include_str!("../../../targets/README.md");
        for text in BUNDLED {
            let mut table = "";
            for line in text.lines() {
                if let Some(name) = line.strip_prefix('[') {
                    table = name.trim_end_matches(']');
                } else if let Some((field, _)) =
                    line.split_once(" = ").filter(|_| !line.starts_with(' '))
                {
                    let field = if table.is_empty() {
                        format!("| `{field}` |")
                    } else {
                        format!("| `{table}.{field}` |")
                    };
                    assert!(readme.contains(&field), "targets/README.md lacks {field}");
                }
            }
        }
    }

    #[test]
    fn a_target_is_found_by_name_and_by_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        let text = BUNDLED[1].replace("\"cortex-m7\"", "\"mine\"");
        std::fs::write(&path, text).unwrap();
        let found = Target::find(path.to_str().unwrap()).unwrap();
        assert_eq!(found.name, "mine");
        assert_eq!(Target::find("pixel-8").unwrap().name, "pixel-8");
        let error = Target::find("nowhere.toml").unwrap_err().to_string();
        assert!(error.contains("nowhere.toml"), "{error}");
        assert!(
            Target::find("nothing")
                .unwrap_err()
                .to_string()
                .contains("pixel-8")
        );
    }
}
