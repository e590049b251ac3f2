//! A module's name says what is inside.

use super::{Fault, Tree};

/// Names that say nothing.
const EMPTY: [&str; 8] = [
    "common", "helper", "helpers", "manager", "misc", "shared", "util", "utils",
];

/// No module or folder of sources has a name that fits anything.
pub(super) fn say_what_is_inside(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (path, _) in tree.sources() {
        let module = path.trim_end_matches(".rs");
        if let Some(name) = module.split('/').find(|part| EMPTY.contains(part)) {
            faults.push(Fault::new(
                path,
                format!("`{name}` names nothing in particular"),
                "name the module after what it does, in the field's own terms",
            ));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{Tree, say_what_is_inside};

    #[test]
    fn empty_names_of_files_and_folders_are_found() {
        let tree = Tree::of([
            ("a/src/utils.rs", ""),
            ("a/src/common/mod.rs", ""),
            ("a/src/utilisation.rs", ""),
            ("a/utils.md", ""),
        ]);
        let faults = say_what_is_inside(&tree);
        let files: Vec<_> = faults.iter().map(|fault| fault.file.as_str()).collect();
        assert_eq!(files, ["a/src/common/mod.rs", "a/src/utils.rs"]);
    }
}
