//! The repository's text files, by path.

use crate::program::Program;
use crate::root;
use std::collections::BTreeMap;

/// Text files by their path from the root, `/` between folders.
#[derive(Debug, Default)]
pub(super) struct Tree {
    texts: BTreeMap<String, String>,
}

impl Tree {
    /// What git tracks or would track. Files that are not UTF-8 are no text.
    ///
    /// # Errors
    /// When git cannot list the files.
    pub(super) fn of_repository() -> Result<Self, String> {
        let list = Program::new("git ls-files --cached --others --exclude-standard")
            .output()
            .ok_or("`git ls-files` failed: tidy needs git and a checkout")?;
        let root = root();
        let text = |path: &str| Some((path.into(), std::fs::read_to_string(root.join(path)).ok()?));
        let texts = list.lines().filter_map(text).collect();
        Ok(Self { texts })
    }

    /// A tree of a few files, for tests.
    #[cfg(test)]
    pub(super) fn of<'t>(files: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        let own = |(path, text): (&str, &str)| (path.to_owned(), text.to_owned());
        let texts = files.into_iter().map(own).collect();
        Self { texts }
    }

    /// The text of a file.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Every file, in order of path.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Every Rust source.
    pub(super) fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(|(path, _)| path.ends_with(".rs"))
    }

    /// Whether a file lies in a folder; `folder` ends with a slash.
    pub(super) fn has_folder(&self, folder: &str) -> bool {
        self.texts.keys().any(|path| path.starts_with(folder))
    }

    /// Number of files.
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }
}
