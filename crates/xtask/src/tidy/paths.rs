//! Nothing that is committed needs or names one machine.

use super::{Fault, Tree};

/// Folders that exist for one person or one machine.
const FOLDERS: [&str; 5] = ["home", "root", "Users", "work", "mnt"];

/// No text names a path below one of [`FOLDERS`].
pub(super) fn belong_to_no_machine(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (path, text) in tree.files() {
        for (index, line) in text.lines().enumerate() {
            if let Some(found) = machine_path(line) {
                faults.push(Fault::new(
                    format!("{path}:{}", index + 1),
                    format!("names `{found}`, a path of one machine"),
                    "use a path from the repository's root, or one the user gives",
                ));
            }
        }
    }
    faults
}

/// The first such path of a line. A folder of that name inside a longer path or a URL is fine.
fn machine_path(line: &str) -> Option<&str> {
    for (at, _) in line.match_indices('/') {
        let inside = |c: char| c.is_alphanumeric() || "._-*~<>}])".contains(c);
        if line[..at]
            .chars()
            .next_back()
            .is_some_and(|c| inside(c) || c == '/')
        {
            continue;
        }
        let end = line[at..]
            .find(|c: char| c.is_whitespace() || "\"'`)],;".contains(c))
            .map_or(line.len(), |length| at + length);
        let found = &line[at..end];
        let mut parts = found[1..].split('/');
        let (first, second) = (parts.next()?, parts.next());
        if FOLDERS.contains(&first) && second.is_some_and(|part| !part.is_empty()) {
            return Some(found);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Tree, belong_to_no_machine, machine_path};

    #[test]
    fn paths_of_one_machine_are_found() {
        for folder in super::FOLDERS {
            // Put together here, so that the check does not find it in this file.
            let path = ["", folder, "jo/model.mim"].join("/");
            for line in [
                path.clone(),
                format!("open(\"{path}\")"),
                format!("--data={path}"),
            ] {
                assert_eq!(machine_path(&line), Some(path.as_str()), "{line}");
            }
        }
    }

    #[test]
    fn other_paths_are_not() {
        for line in [
            "https://example.org/home/page",
            "crates/root/x",
            "/usr/share/vulkan",
            "either/or",
            "~/work/x",
            "a /home/",
        ] {
            assert_eq!(machine_path(line), None, "{line}");
        }
    }

    #[test]
    fn the_line_is_named() {
        let text = ["fine\n", "at /", "root/x\n"].concat();
        let faults = belong_to_no_machine(&Tree::of([("notes.md", text.as_str())]));
        assert_eq!(faults[0].file, "notes.md:2");
    }
}
