//! The crate map of `crates/README.md`: read for the layering check, and held to the packages there
//! are.

use super::{Fault, Tree};
use std::collections::BTreeMap;

/// The architecture document.
pub(super) const MAP: &str = "crates/README.md";

/// A row of the map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// The package's layer; `None` beside the layers, where nothing may depend on it.
    pub(super) layer: Option<u32>,
    /// Packages it may use.
    pub(super) may_use: Vec<String>,
}

/// The rows of the map by package. A row is a table line whose first cell is a package in
/// backticks; its second cell is the layer, its fourth the packages it may use.
pub(super) fn rows(tree: &Tree) -> BTreeMap<String, Row> {
    let map = tree.text(MAP).unwrap_or_default();
    map.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<(String, Row)> {
    let mut cells = line.strip_prefix('|')?.split('|');
    let name = quoted(cells.next()?).next()?.to_owned();
    let layer = cells.next()?.trim().trim_start_matches('L').to_owned();
    let may_use = cells.nth(1)?;
    if !layer.is_empty() && layer.parse::<u32>().is_err() && layer != "side" {
        return None;
    }
    let row = Row {
        layer: layer.parse().ok(),
        may_use: quoted(may_use).map(str::to_owned).collect(),
    };
    Some((name, row))
}

/// Words in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The workspace's packages by name, with the folder of each. A package that is a workspace of its
/// own, as a fuzz target is, is none of ours.
pub(super) fn packages(tree: &Tree) -> BTreeMap<String, String> {
    tree.files()
        .filter_map(|(path, text)| {
            let folder = path.strip_suffix("/Cargo.toml")?;
            let manifest: toml::Table = text.parse().ok()?;
            if manifest.contains_key("workspace") {
                return None;
            }
            let name = manifest.get("package")?.get("name")?.as_str()?;
            Some((name.to_owned(), folder.to_owned()))
        })
        .collect()
}

/// Every package has a row, and every package the document names exists.
pub(super) fn names_every_package(tree: &Tree) -> Vec<Fault> {
    let (rows, packages) = (rows(tree), packages(tree));
    let missing = packages.keys().filter(|name| !rows.contains_key(*name));
    let mut faults: Vec<_> = missing
        .map(|name| {
            Fault::new(
                MAP,
                format!("has no row for package `{name}`"),
                "add one: crate, layer, job, may use, the only one that knows about",
            )
        })
        .collect();
    let map = tree.text(MAP).unwrap_or_default();
    for (index, line) in map.lines().enumerate() {
        let is_package =
            |name: &&str| name.starts_with("mimlet-") && !name.contains([' ', '/', ':']);
        for name in quoted(line).filter(is_package) {
            if !packages.contains_key(name) {
                faults.push(Fault::new(
                    format!("{MAP}:{}", index + 1),
                    format!("names `{name}`, which is no package"),
                    "name one that exists",
                ));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{Row, Tree, names_every_package, rows};

    const HEAD: &str = "| crate | layer | job | may use |\n|---|---|---|---|\n";

    fn tree(map: &str) -> Tree {
        let map = format!("{HEAD}{map}");
        Tree::of([
            ("crates/README.md", map.as_str()),
            (
                "crates/mimlet-a/Cargo.toml",
                "[package]\nname = \"mimlet-a\"\n",
            ),
        ])
    }

    #[test]
    fn rows_are_read() {
        let rows = rows(&tree(
            "| `mimlet-a` | L1 | job | `x`, `y` |\n| `t` | side | job | all |\n",
        ));
        let may_use = vec!["x".to_owned(), "y".to_owned()];
        let layer = Some(1);
        assert_eq!(rows["mimlet-a"], Row { layer, may_use });
        assert_eq!(rows["t"].layer, None);
    }

    #[test]
    fn a_package_without_a_row_is_found() {
        assert_eq!(names_every_package(&tree("")).len(), 1);
        assert!(names_every_package(&tree("| `mimlet-a` | L0 | job | - |\n")).is_empty());
    }

    #[test]
    fn a_package_that_does_not_exist_is_found() {
        let tree = tree("| `mimlet-a` | L0 | job | - |\nthen `mimlet-b` runs `mimlet demo`\n");
        let faults = names_every_package(&tree);
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].file, "crates/README.md:4");
    }
}
