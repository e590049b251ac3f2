//! Every source says first what it is for. Also: the code of a source, without comments and
//! strings.

use super::{Fault, Tree};

/// Every `.rs` file opens with `//!`.
pub(super) fn opens_with_documentation(tree: &Tree) -> Vec<Fault> {
    tree.sources()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| {
            Fault::new(
                path,
                "does not open with a `//!` line",
                "say in one sentence what the file is for",
            )
        })
        .collect()
}

/// A source with comments and the insides of strings and characters blanked out, line by line.
pub(super) fn code(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let (length, blank) = match blank_length(rest) {
            Some(length) => (length, true),
            None => (first.len_utf8(), false),
        };
        let (part, after) = rest.split_at(length);
        if blank {
            code.extend(part.chars().filter(|c| *c == '\n'));
            code.push(' ');
        } else {
            code.push_str(part);
        }
        rest = after;
    }
    code
}

/// Bytes of the comment, string or character that `rest` starts with.
fn blank_length(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(rest.find("*/").map_or(rest.len(), |end| end + 2));
    }
    if let Some(raw) = rest.strip_prefix("r#\"") {
        return Some(raw.find("\"#").map_or(rest.len(), |end| end + 5));
    }
    if rest.starts_with('"') {
        return Some(quoted_length(rest, '"'));
    }
    let mut characters = rest.chars();
    match (characters.next(), characters.next(), characters.next()) {
        // A lifetime has no closing quote right after its first letter.
        (Some('\''), Some('\\'), _) | (Some('\''), Some(_), Some('\'')) => {
            Some(quoted_length(rest, '\''))
        }
        _ => None,
    }
}

/// Bytes up to and with the closing quote.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::{Tree, code, opens_with_documentation};

    #[test]
    fn a_source_without_documentation_is_found() {
        let tree = Tree::of([
            ("a.rs", "//! Good.\n"),
            ("b.rs", "use std::fmt;\n"),
            ("c.rs", "//!\n//! An empty first line.\n"),
            ("d.md", "no source"),
        ]);
        let faults = opens_with_documentation(&tree);
        let files: Vec<_> = faults.iter().map(|fault| fault.file.as_str()).collect();
        assert_eq!(files, ["b.rs", "c.rs"]);
    }

    #[test]
    fn comments_strings_and_characters_are_blanked_and_lifetimes_kept() {
        let source = "a // b\n\"c \\\" d\" e '\"' f /* g\n */ 'h: r#\"i\"j\"# '\\'' k";
        let code = code(source);
        let words: Vec<_> = code.split_whitespace().collect();
        assert_eq!(words, ["a", "e", "f", "'h:", "k"]);
        assert_eq!(code.lines().count(), source.lines().count());
    }
}
