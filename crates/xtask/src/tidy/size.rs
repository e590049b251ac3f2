//! Files stay small enough to be read in one sitting.

use super::{Fault, Tree};

/// Lines from which a file is worth splitting.
const LONG: usize = 400;
/// Lines that no file may have.
const TOO_LONG: usize = 500;

/// Sources and shaders, unit tests and test folders apart, have at most [`LONG`] lines, and never
/// more than [`TOO_LONG`].
pub(super) fn is_small(tree: &Tree) -> Vec<Fault> {
    let read = |path: &&str| path.ends_with(".rs") || path.ends_with(".wgsl");
    let tests = |path: &&str| path.starts_with("tests/") || path.contains("/tests/");
    tree.files()
        .filter(|(path, _)| read(path) && !tests(path))
        .map(|(path, text)| (path, lines_of_code(text)))
        .filter(|(_, lines)| *lines > LONG)
        .map(|(path, lines)| {
            let fault = Fault::new(
                path,
                format!("has {lines} lines, more than {LONG}"),
                "give each of its jobs a file of its own",
            );
            if lines > TOO_LONG {
                fault
            } else {
                fault.warning()
            }
        })
        .collect()
}

/// Lines before the unit tests.
fn lines_of_code(text: &str) -> usize {
    let code = text.split("\n#[cfg(test)]\nmod tests {").next();
    code.unwrap_or_default().lines().count()
}

#[cfg(test)]
mod tests {
    use super::{Tree, is_small};

    #[test]
    fn long_files_are_found_and_tests_not_counted() {
        let lines = |count| "x\n".repeat(count);
        let tested = format!("{}\n#[cfg(test)]\nmod tests {{\n{}", lines(300), lines(300));
        let files = [
            ("a/src/fine.rs", lines(400)),
            ("a/src/long.rs", lines(401)),
            ("a/src/op.wgsl", lines(501)),
            ("a/src/tested.rs", tested),
            ("a/tests/all.rs", lines(900)),
            ("tests/all.rs", lines(900)),
        ];
        let tree = Tree::of(files.iter().map(|(path, text)| (*path, text.as_str())));
        let faults = is_small(&tree);
        let found: Vec<_> = faults
            .iter()
            .map(|fault| (fault.file.as_str(), fault.warning))
            .collect();
        assert_eq!(found, [("a/src/long.rs", true), ("a/src/op.wgsl", false)]);
    }
}
