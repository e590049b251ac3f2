//! Dependencies only point to a lower layer, as the crate map allows.

use super::crate_map::{MAP, Row, packages, rows};
use super::{Fault, Tree};
use std::collections::BTreeMap;
use toml::Table;

/// Every dependency between packages is in the map's "may use", on a lower layer, and none is on a
/// package beside the layers. What only a package's own tests use may be on any layer.
pub(super) fn point_down(tree: &Tree) -> Vec<Fault> {
    let (rows, packages) = (rows(tree), packages(tree));
    let mut faults = Vec::new();
    for (name, folder) in &packages {
        let path = format!("{folder}/Cargo.toml");
        let text = tree.text(&path).unwrap_or_default();
        let (Some(row), Ok(manifest)) = (rows.get(name), text.parse::<Table>()) else {
            continue;
        };
        for used in dependencies(&manifest).filter(|used| packages.contains_key(*used)) {
            if let Some((rule, mend)) = broken(row, used, &rows) {
                faults.push(Fault::new(
                    &path,
                    format!("`{name}` depends on `{used}`, {rule}"),
                    mend,
                ));
            }
        }
    }
    faults
}

/// The rule that a dependency breaks, and the mend.
fn broken(row: &Row, used: &str, rows: &BTreeMap<String, Row>) -> Option<(String, String)> {
    let layer = rows.get(used).and_then(|row| row.layer);
    let Some(layer) = layer else {
        let rule = "on which nothing may depend".into();
        return Some((rule, "move what is needed to a lower layer".into()));
    };
    if let Some(own) = row.layer.filter(|own| layer >= *own) {
        let rule = format!("but layer {own} may not use layer {layer}");
        return Some((rule, "move what both need to a lower layer".into()));
    }
    let listed = row.may_use.iter().any(|name| name == used || name == "all");
    (!listed).then(|| {
        let rule = format!("which {MAP} does not allow");
        (
            rule,
            "do without it, or add it to the map with a reason".into(),
        )
    })
}

/// What the package itself is built with, target-specific or not.
fn dependencies(manifest: &Table) -> impl Iterator<Item = &str> {
    let targets = manifest
        .get("target")
        .and_then(|targets| targets.as_table());
    let tables = targets.into_iter().flat_map(|targets| targets.values());
    tables
        .filter_map(|target| target.as_table())
        .chain([manifest])
        .flat_map(|table| ["dependencies", "build-dependencies"].map(|kind| table.get(kind)))
        .flatten()
        .filter_map(|dependencies| dependencies.as_table())
        .flat_map(|dependencies| dependencies.keys().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::{Tree, point_down};

    fn faults(dependencies: &str) -> Vec<String> {
        let map = "\
| `low` | L0 | job | - |
| `mid` | L1 | job | `low` |
| `other` | L1 | job | `low` |
| `top` | L2 | job | `mid` |
| `tests` | side | job | `all` |
";
        let package = |name: &str, rest: &str| format!("[package]\nname = \"{name}\"\n{rest}");
        let names = ["low", "mid", "other", "top", "tests"];
        let mut files = vec![("crates/README.md".to_owned(), map.to_owned())];
        for name in names {
            let rest = dependencies.strip_prefix(name).unwrap_or_default();
            files.push((format!("crates/{name}/Cargo.toml"), package(name, rest)));
        }
        let files = files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()));
        let faults = point_down(&Tree::of(files));
        faults.into_iter().map(|fault| fault.rule).collect()
    }

    #[test]
    fn allowed_dependencies_pass() {
        assert!(faults("mid\n[dependencies]\nlow.workspace = true\nserde = \"1\"\n").is_empty());
        assert!(faults("tests\n[dependencies]\ntop = {}\nmid = {}\n").is_empty());
        assert!(faults("mid\n[dev-dependencies]\ntop = {}\n").is_empty());
    }

    #[test]
    fn upward_sideways_unlisted_and_side_dependencies_are_found() {
        for (dependencies, words) in [
            (
                "low\n[dependencies]\nmid = {}\n",
                "layer 0 may not use layer 1",
            ),
            (
                "mid\n[dependencies]\nother = {}\n",
                "layer 1 may not use layer 1",
            ),
            (
                "mid\n[target.'cfg(unix)'.dependencies]\ntop = {}\n",
                "layer 2",
            ),
            ("mid\n[build-dependencies]\ntop = {}\n", "layer 2"),
            ("top\n[dependencies]\nlow = {}\n", "does not allow"),
            ("top\n[dependencies]\ntests = {}\n", "nothing may depend"),
        ] {
            let found = faults(dependencies);
            assert_eq!(found.len(), 1, "{dependencies}");
            assert!(found[0].contains(words), "{}", found[0]);
        }
    }
}
