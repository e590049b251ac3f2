//! One minimum Rust version: the workspace's; copies of it agree.

use super::{Fault, Tree};

/// Every `Rust 1.N` of the README is the workspace's `rust-version`.
pub(super) fn is_the_same_everywhere(tree: &Tree) -> Vec<Fault> {
    let Some(version) = workspace_version(tree) else {
        return vec![Fault::new(
            "Cargo.toml",
            "states no workspace.package.rust-version",
            "state the oldest Rust that builds everything",
        )];
    };
    let readme = tree.text("README.md").unwrap_or_default();
    let mut faults = Vec::new();
    for (index, line) in readme.lines().enumerate() {
        for stated in line.split("Rust 1.").skip(1) {
            let minor: String = stated.chars().take_while(char::is_ascii_digit).collect();
            if !minor.is_empty() && format!("1.{minor}") != version {
                faults.push(Fault::new(
                    format!("README.md:{}", index + 1),
                    format!("says Rust 1.{minor}, but Cargo.toml says {version}"),
                    format!("write Rust {version}"),
                ));
            }
        }
    }
    faults
}

fn workspace_version(tree: &Tree) -> Option<String> {
    let manifest: toml::Table = tree.text("Cargo.toml")?.parse().ok()?;
    let package = manifest.get("workspace")?.get("package")?;
    Some(package.get("rust-version")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Tree, is_the_same_everywhere};

    fn faults(readme: &str) -> usize {
        let manifest = "[workspace.package]\nrust-version = \"1.95\"\n";
        let tree = Tree::of([("Cargo.toml", manifest), ("README.md", readme)]);
        is_the_same_everywhere(&tree).len()
    }

    #[test]
    fn an_old_copy_is_found() {
        assert_eq!(faults("Needs Rust 1.95.\n"), 0);
        assert_eq!(faults("Needs Rust 1.9 or Rust 1.94.\n"), 2);
        assert_eq!(faults("Needs Rust.\n"), 0);
    }

    #[test]
    fn a_missing_version_is_found() {
        assert_eq!(
            is_the_same_everywhere(&Tree::of([("Cargo.toml", "[workspace]\n")])).len(),
            1
        );
    }
}
