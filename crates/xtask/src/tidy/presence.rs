//! Folders of data explain themselves.

use super::{Fault, Tree};

/// Folders whose `README.md` says what each file and field is.
const EXPLAINED: [&str; 6] = [
    "crates/",
    "models/",
    "targets/",
    "tests/fixtures/",
    "tests/compat/",
    "benches/",
];

/// Every folder of [`EXPLAINED`] that holds anything has a README.
pub(super) fn of_readmes(tree: &Tree) -> Vec<Fault> {
    EXPLAINED
        .iter()
        .filter(|folder| tree.has_folder(folder))
        .map(|folder| format!("{folder}README.md"))
        .filter(|readme| tree.text(readme).is_none())
        .map(|readme| {
            Fault::new(
                readme,
                "is missing",
                "say what the folder holds, and each field",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Tree, of_readmes};

    #[test]
    fn a_folder_without_a_readme_is_found() {
        let tree = Tree::of([
            ("targets/pi.toml", ""),
            ("models/README.md", ""),
            ("models/a/model.toml", ""),
        ]);
        let faults = of_readmes(&tree);
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].file, "targets/README.md");
    }
}
