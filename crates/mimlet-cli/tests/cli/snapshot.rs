//! Printed text held to text that was read and committed.

use std::fs;
use std::path::Path;

const RENEW: &str = "MIMLET_UPDATE=1 cargo test -p mimlet-cli --test cli";

/// Asserts that a text is the committed one, hashes and measured digits apart. `MIMLET_UPDATE` writes
/// it anew.
pub(crate) fn same_as_committed(name: &str, text: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/snapshots");
    let path = Path::new(folder).join(name).with_extension("txt");
    let text = without_measurements(text);
    if std::env::var_os("MIMLET_UPDATE").is_some() {
        fs::create_dir_all(folder).unwrap();
        fs::write(&path, &text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == committed.replace("\r\n", "\n"),
        "{name} is printed otherwise; if that is meant, renew it with `{RENEW}`:\n{text}"
    );
}

/// Hashes, and numbers to six digits or more, as as many zeros: any change of a file changes them.
fn without_measurements(text: &str) -> String {
    let is_measured = |word: &str| {
        let digits = |of: fn(&u8) -> bool| word.bytes().all(|byte| of(&byte));
        word.len() >= 6 && digits(u8::is_ascii_digit)
            || word.len() >= 16 && digits(u8::is_ascii_hexdigit)
    };
    let words = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    words
        .map(|word| {
            let end = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            if is_measured(end) {
                word.replace(end, &"0".repeat(end.len()))
            } else {
                word.to_string()
            }
        })
        .collect()
}

#[test]
fn measurements_do_not_count() {
    let text = "hash  0123456789abcdef, deadbeef\nnext 0123456789abcdeg 0.998877 1.25";
    let expected = "hash  0000000000000000, deadbeef\nnext 0123456789abcdeg 0.000000 1.25";
    assert_eq!(without_measurements(text), expected);
}
